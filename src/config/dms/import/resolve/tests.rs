//! What templates may ask for that no template should.
use super::super::super::json;
use super::parameters::Parameters;
use super::template::Template;
use super::*;
use crate::settings::problems::Report;

/// The value of `Properties.Value` of the resource `R`, and the names that are missing from it.
fn value(template: &str, given: &[(&str, &str)]) -> (Value, Vec<String>) {
    let mut report = Report::new("t");
    let root = json::read(template, &mut report).unwrap();
    let Value::Map(entries) = &root.value else {
        panic!("{root:?}");
    };
    let given: Vec<_> = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let parameters = Parameters::new(&given);
    let resources = Template::new(entries, &parameters).resources(|kind| kind == "T");
    let value = resources[0].entries[0].node.value.clone();
    let names = unresolved(&value).into_iter().map(|one| one.name).collect();
    (value, names)
}

fn resource(value: &str, others: &str, sections: &str) -> String {
    format!(r#"{{"Resources":{{"R":{{"Type":"T","Properties":{{"Value":{value}}}}}{others}}}{sections}}}"#)
}

#[test]
fn references_in_a_circle_end() {
    let bucket = |name: &str, of: &str| {
        format!(
            r#","{name}":{{"Type":"AWS::S3::Bucket","Properties":{{"BucketName":{{"Fn::Sub":"${{{of}}}-x"}}}}}}"#
        )
    };
    let (_, names) = value(
        &resource(r#"{"Ref":"A"}"#, &(bucket("A", "B") + &bucket("B", "A")), ""),
        &[],
    );
    assert!(!names.is_empty(), "a name of itself");
    let conditions =
        r#","Conditions":{"C":{"Fn::Not":[{"Condition":"D"}]},"D":{"Fn::Not":[{"Condition":"C"}]}}"#;
    let (_, names) = value(&resource(r#"{"Fn::If":["C","a","b"]}"#, "", conditions), &[]);
    assert!(!names.is_empty(), "a condition of itself");
}

#[test]
fn references_that_multiply_end() {
    let both = |name: usize, next: usize, function: &str| {
        format!(r#""C{name}":{{"{function}":[{{"Condition":"C{next}"}},{{"Condition":"C{next}"}}]}}"#)
    };
    let conditions: Vec<_> = (0..28).map(|at| both(at, at + 1, "Fn::And")).collect();
    let conditions = format!(
        r#","Conditions":{{{},"C28":{{"Fn::Equals":["a","a"]}}}}"#,
        conditions.join(",")
    );
    let (_, names) = value(&resource(r#"{"Fn::If":["C0","a","b"]}"#, "", &conditions), &[]);
    assert!(!names.is_empty(), "it would take minutes");

    let text = "x".repeat(1 << 16);
    let sub = "${P}".repeat(1 << 12);
    let parameters = format!(r#","Parameters":{{"P":{{"Type":"String","Default":"{text}"}}}}"#);
    let (_, names) = value(
        &resource(&format!(r#"{{"Fn::Sub":"{sub}"}}"#), "", &parameters),
        &[],
    );
    assert!(!names.is_empty(), "it would be 256 MB");
}

#[test]
fn what_decides_a_condition_is_enough() {
    for (condition, expected) in [
        (
            r#"{"Fn::Or":[{"Fn::Equals":[{"Ref":"Open"},"x"]},{"Fn::Equals":["a","a"]}]}"#,
            "yes",
        ),
        (
            r#"{"Fn::And":[{"Fn::Equals":[{"Ref":"Open"},"x"]},{"Fn::Equals":["a","b"]}]}"#,
            "no",
        ),
        (r#"{"Fn::Equals":[true,"true"]}"#, "yes"),
        (r#"{"Fn::Equals":[{"Fn::Length":[1,2]},2]}"#, "yes"),
    ] {
        let sections = format!(r#","Conditions":{{"C":{condition}}}"#);
        let (found, _) = value(&resource(r#"{"Fn::If":["C","yes","no"]}"#, "", &sections), &[]);
        assert_eq!(found, Value::Text(expected.to_owned()), "{condition}");
    }
    let sections =
        r#","Conditions":{"C":{"Fn::Or":[{"Fn::Equals":[{"Ref":"Open"},"x"]},{"Fn::Equals":["a","b"]}]}}"#;
    let (_, names) = value(&resource(r#"{"Fn::If":["C","yes","no"]}"#, "", sections), &[]);
    assert_eq!(names, ["Open"]);
}

#[test]
fn names_and_values_of_resources_are_those_of_the_template() {
    let others = r#","B":{"Type":"AWS::S3::Bucket","Properties":{"BucketName":"b"}},
        "K":{"Type":"AWS::Kinesis::Stream","Properties":{"Name":"k"}},
        "P":{"Type":"AWS::SSM::Parameter","Properties":{"Name":"/p","Value":{"Fn::Sub":"v-${B}"}}}"#;
    for (text, expected) in [
        ("${B}", "b"),
        ("${B.Arn}", "arn:aws:s3:::b"),
        ("${K}", "k"),
        ("${K.Arn}", "arn:aws:kinesis:eu-west-1::stream/k"),
        ("${P}", "/p"),
        ("${P.Value}", "v-b"),
    ] {
        let template = resource(&format!(r#"{{"Fn::Sub":"{text}"}}"#), others, "");
        let (found, names) = value(&template, &[("AWS::Region", "eu-west-1")]);
        assert_eq!(found, Value::Text(expected.to_owned()), "{text}: {names:?}");
    }
}

#[test]
fn functions_give_what_cloudformation_gives() {
    let sections = r#","Mappings":{"M":{"a":{"b":"found"}}},"Parameters":{"L":{"Type":"List<Number>","Default":"1, 2"}}"#;
    for (function, expected) in [
        (
            r#"{"Fn::Sub":"a${!Literal}-${AWS::Region}"}"#,
            "a${Literal}-eu-west-1",
        ),
        (r#"{"Fn::Join":["-",{"Ref":"L"}]}"#, "1-2"),
        (
            r#"{"Fn::Join":["",["a",{"Ref":"AWS::NoValue"},1,true]]}"#,
            "a1true",
        ),
        (r#"{"Fn::FindInMap":["M","a","b"]}"#, "found"),
        (
            r#"{"Fn::FindInMap":["M","a","c",{"DefaultValue":"other"}]}"#,
            "other",
        ),
        (r#"{"Fn::Select":[1,{"Fn::Split":["|","a|b|"]}]}"#, "b"),
        (r#"{"Fn::Base64":"ab"}"#, "YWI="),
        (r#"{"Fn::ToJsonString":{"a":[1,"b"]}}"#, r#"{"a":[1,"b"]}"#),
        (r#"{"Ref":"AWS::Partition"}"#, "aws"),
    ] {
        let (found, names) = value(&resource(function, "", sections), &[("AWS::Region", "eu-west-1")]);
        assert_eq!(found, Value::Text(expected.to_owned()), "{function}: {names:?}");
    }
    for (function, expected) in [
        (r#"{"Fn::FindInMap":["M","a","c"]}"#, "M.a.c"),
        (r#"{"Fn::Select":[7,["a"]]}"#, "Fn::Select"),
        (r#"{"Fn::Split":["","a"]}"#, "Fn::Split"),
        (r#"{"Fn::GetAZs":""}"#, "Fn::GetAZs"),
        (r#"{"Fn::GetAtt":"Nobody.Arn"}"#, "Nobody.Arn"),
        (r#"{"Fn::Sub":"${Nobody}"}"#, "Nobody"),
        (r#"{"Ref":["a"]}"#, "text"),
    ] {
        let (_, names) = value(&resource(function, "", sections), &[]);
        assert_eq!(names, [expected], "{function}");
    }
}
