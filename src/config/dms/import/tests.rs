//! One test per form of document.
use super::*;

fn document(text: &str) -> Document {
    Document {
        name: "in.json".to_owned(),
        text: text.to_owned(),
    }
}

const DEFINITION: &str = r#"{\"TableCount\":\"1\",\"Tables\":[{\"TableName\":\"orders\",\"TablePath\":\"shop/orders/\",\"TableOwner\":\"shop\",\"TableColumns\":[{\"ColumnName\":\"id\",\"ColumnType\":\"INT8\",\"ColumnIsPk\":\"true\"}],\"TableColumnsTotal\":\"1\"}]}"#;

fn import(documents: &[Document], name: Option<&str>) -> Result<Imported, ConfigProblems> {
    let options = Options {
        name: name.map(ToOwned::to_owned),
        ..Options::default()
    };
    super::import(documents, &options)
}

fn fate(imported: &Imported, setting: &str) -> Option<Fate> {
    let finding = imported
        .findings
        .iter()
        .find(|finding| finding.setting == setting);
    finding.map(|finding| finding.fate)
}

#[test]
fn a_cloudformation_template_is_read_by_its_references() {
    let text = format!(
        r#"{{"Resources":{{
        "Task":{{"Type":"AWS::DMS::ReplicationTask","Properties":{{"ReplicationTaskIdentifier":"orders","MigrationType":"full-load",
          "SourceEndpointArn":{{"Ref":"In"}},"TargetEndpointArn":{{"Ref":"Out"}},
          "ReplicationTaskSettings":"{{\"FullLoadSettings\":{{\"MaxFullLoadSubTasks\":4,\"Odd\":1}},\"TargetMetadata\":{{\"ParallelApplyThreads\":null}},\"ErrorBehavior\":{{\"RecoverableErrorCount\":null}},\"Strange\":{{\"A\":1}}}}"}}}},
        "In":{{"Type":"AWS::DMS::Endpoint","Properties":{{"EndpointType":"source","EngineName":"s3",
          "S3Settings":{{"BucketName":"blog-source","ExternalTableDefinition":"{DEFINITION}"}},
          "ExtraConnectionAttributes":"bucketName=other;csvDelimiter=;;rfc4180=y"}}}},
        "Out":{{"Type":"AWS::DMS::Endpoint","Properties":{{"EndpointType":"target","EngineName":"kinesis",
          "KinesisSettings":{{"StreamArn":"arn:aws:kinesis:eu-west-1:111122223333:stream/orders","MessageFormat":"JSON_UNFORMATTED"}}}}}}
        }}}}"#
    );
    let imported = import(&[document(&text)], None).unwrap();
    for expected in [
        "bucket: \"blog-source\"",
        "delimiter: \";\"",
        "files_in_parallel: 4",
        "message_format: json-unformatted",
        "region: \"eu-west-1\"",
    ] {
        assert!(
            imported.configuration.contains(expected),
            "{expected}: {}",
            imported.configuration
        );
    }
    for not_set in [
        "TargetMetadata.ParallelApplyThreads",
        "ErrorBehavior.RecoverableErrorCount",
    ] {
        assert_eq!(fate(&imported, not_set), Some(Fate::Ignored), "{not_set}");
    }
    for refused in [
        "FullLoadSettings.Odd",
        "Strange",
        "ExtraConnectionAttributes.bucketName",
    ] {
        assert_eq!(fate(&imported, refused), Some(Fate::Refused), "{refused}");
    }
}

#[test]
fn terraform_state_is_read_once_with_its_blocks_and_nulls() {
    let text = format!(
        r#"{{"format_version":"1.0","planned_values":{{"root_module":{{"resources":[
        {{"type":"aws_dms_replication_task","name":"t","values":{{"replication_task_id":"orders","migration_type":"cdc",
          "cdc_start_time":null,"cdc_start_position":"2026-01-01T00:00:00","table_mappings":"{{\"rules\":[]}}"}}}},
        {{"type":"aws_dms_s3_endpoint","name":"s","values":{{"endpoint_type":"source","bucket_name":"blog-source","cdc_path":"cdc",
          "ignore_header_rows":1,"external_table_definition":"{DEFINITION}"}}}},
        {{"type":"aws_dms_endpoint","name":"k","values":{{"endpoint_type":"target","engine_name":"kinesis","s3_settings":[],
          "kinesis_settings":[{{"stream_arn":"arn:aws:kinesis:eu-west-1:111122223333:stream/orders","include_null_and_empty":true}}]}}}}
        ]}}}},"prior_state":{{"values":{{"root_module":{{"resources":[{{"type":"aws_dms_replication_task","name":"t","values":{{}}}}]}}}}}}}}"#
    );
    let imported = import(&[document(&text)], None).unwrap();
    assert_eq!(imported.table_mappings.as_deref(), Some("{\"rules\":[]}"));
    assert_eq!(fate(&imported, "cdc_start_time"), Some(Fate::Ignored));
    assert_eq!(fate(&imported, "cdc_start_position"), Some(Fate::Mapped));
    for expected in [
        "changes_from: { modified_since: \"2026-01-01T00:00:00Z\" }",
        "cdc_path: \"cdc\"",
        "ignore_header_rows: 1",
        "include_null_and_empty: true",
    ] {
        assert!(
            imported.configuration.contains(expected),
            "{expected}: {}",
            imported.configuration
        );
    }
}

#[test]
fn what_is_missing_is_named() {
    let error = import(&[document("{}")], None).unwrap_err().to_string();
    assert!(error.contains("has no replication task"), "{error}");
    let two = r#"[{"MigrationType":"cdc","ReplicationTaskIdentifier":"a"},{"MigrationType":"cdc","ReplicationTaskIdentifier":"b"}]"#;
    let error = import(&[document(two)], None).unwrap_err().to_string();
    assert!(
        error.contains("has the tasks a, b; name one with --name"),
        "{error}"
    );
    let error = import(&[document(two)], Some("b")).unwrap_err().to_string();
    assert!(error.contains("--endpoints"), "{error}");
}

#[test]
fn a_template_in_yaml_is_read_too() {
    let text = format!(
        "Resources:\n  Orders:\n    Type: AWS::DMS::ReplicationTask\n    Properties: {{ MigrationType: full-load }}\n  \
         In:\n    Type: AWS::DMS::Endpoint\n    Properties:\n      EndpointType: source\n      EngineName: s3\n      \
         S3Settings:\n        BucketName: blog-source\n        ExternalTableDefinition: \"{DEFINITION}\"\n  \
         Out:\n    Type: AWS::DMS::Endpoint\n    Properties:\n      EndpointType: target\n      EngineName: kinesis\n      \
         KinesisSettings: {{ StreamArn: 'arn:aws:kinesis:eu-west-1:111122223333:stream/orders' }}\n"
    );
    let imported = import(&[document(&text)], None).unwrap();
    assert_eq!(imported.task, "Orders");
    assert!(
        imported.configuration.contains("stream: \"orders\""),
        "{}",
        imported.configuration
    );
}

/// A template with references, as `{}` and as `!`.
fn template(functions: [&str; 4]) -> String {
    let [source, target, bucket, role] = functions;
    format!(
        "Parameters:\n  Bucket: {{ Type: String }}\nResources:\n  Orders:\n    Type: AWS::DMS::ReplicationTask\n    \
         Properties:\n      MigrationType: full-load\n      SourceEndpointArn: {source}\n      \
         TargetEndpointArn: {target}\n  In:\n    Type: AWS::DMS::Endpoint\n    Properties:\n      \
         EndpointType: source\n      EngineName: s3\n      S3Settings:\n        BucketName: blog-source\n        \
         BucketFolder: {bucket}\n        ServiceAccessRoleArn: {role}\n        \
         ExternalTableDefinition: \"{DEFINITION}\"\n  Out:\n    Type: AWS::DMS::Endpoint\n    Properties:\n      \
         EndpointType: target\n      EngineName: kinesis\n      KinesisSettings:\n        \
         StreamArn: arn:aws:kinesis:eu-west-1:111122223333:stream/orders\n"
    )
}

#[test]
fn short_tags_of_a_template_are_its_functions() {
    let short = ["!Ref In", "!Ref Out", "!Sub '${Bucket}/in'", "!GetAtt Role.Arn"];
    let long = [
        "{ Ref: In }",
        "{ Ref: Out }",
        "{ 'Fn::Sub': '${Bucket}/in' }",
        "{ 'Fn::GetAtt': [Role, Arn] }",
    ];
    let [short, long] =
        [short, long].map(|functions| import(&[document(&template(functions))], None).unwrap());
    assert_eq!(short, long);
    assert_eq!(short.task, "Orders");
    // What a parameter without a default is, is not in the template.
    assert_eq!(fate(&short, "S3Settings.BucketFolder"), Some(Fate::Unresolved));
    // Of the role nothing becomes anything.
    assert_eq!(
        fate(&short, "S3Settings.ServiceAccessRoleArn"),
        Some(Fate::Ignored)
    );
}

#[test]
fn tags_of_yaml_itself_are_refused() {
    let error = import(&[document("Resources: !!map {}\n")], None).unwrap_err();
    assert!(
        error.to_string().contains("tags (`!name`) are not supported"),
        "{error}"
    );
}
