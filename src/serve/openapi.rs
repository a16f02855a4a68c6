//! The API as `OpenAPI` 3.1, from the types that it takes. Pure: no I/O, no clock.

use utoipa::PartialSchema;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, PathItem,
    PathsBuilder, RefOr, Required, Response, ResponseBuilder, Schema, SecurityRequirement,
};

use super::api::Problem;
use super::desk::{DecideFileOrder, Outcome, ReloadOrder, ReplayOrder, ResumeTableOrder, VerifyOrder};
use super::routes;

/// What the security scheme is called.
const TOKEN: &str = "token";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

/// What an endpoint is, for the document of the API and that for people.
#[derive(Debug)]
pub struct Endpoint {
    /// Where.
    pub path: &'static str,
    /// Whether something is ordered, which takes the token. Reading takes it where one is set.
    pub is_order: bool,
    /// What it does, one sentence.
    pub about: &'static str,
    /// What is sent.
    body: Option<fn() -> RefOr<Schema>>,
    /// The codes of answers that are not faults.
    pub codes: &'static [u16],
    content: &'static str,
}

/// All of them.
pub static ENDPOINTS: &[Endpoint] = &[
    health("/livez", "Whether the process lives: its actors beat."),
    health(
        "/readyz",
        "Whether the task takes up work; `?verbose` names each part with its last error.",
    ),
    Endpoint {
        content: JSON,
        ..health(
            "/healthz",
            "Whether the task is well: progress, lag, dead letters, suspended tables, files set aside.",
        )
    },
    Endpoint {
        content: TEXT,
        ..reading("/metrics", "Metrics for Prometheus.")
    },
    Endpoint {
        codes: &[200, 304],
        ..reading(
            routes::SNAPSHOT,
            "The whole status; with `?since=` and the last `seq`, 304 if nothing changed.",
        )
    },
    reading(
        routes::TABLES,
        "Statistics per table, by the names of DMS, as `brigade tables --output json`.",
    ),
    reading(
        routes::FILES,
        "Files that are set aside, as `brigade files list --output json`.",
    ),
    reading(
        routes::CHECKPOINT,
        "The durable state, as `brigade checkpoint show --output json`.",
    ),
    reading(
        routes::DEAD_LETTERS,
        "The newest dead letters, without the values of their rows.",
    ),
    reading(
        routes::EVENTS,
        "The newest events of the task, as they are in `events.jsonl`.",
    ),
    reading(
        routes::COMPARISON,
        "What the last comparison of the stream with the files found, as `brigade verify --output json`.",
    ),
    reading(
        routes::CONFIGURATION,
        "The configuration that the task runs with, with the origin of each value, as `brigade config show --output json`.",
    ),
    reading(routes::OPENAPI, "This API as OpenAPI 3.1."),
    ordering(
        routes::PAUSE,
        "Read and send nothing more, and keep the state, until the task is resumed or started again.",
        None,
    ),
    ordering(routes::RESUME, "Go on.", None),
    ordering(
        routes::STOP,
        "End once the requests in flight have, as SIGTERM has it.",
        None,
    ),
    ordering(
        routes::RELOAD,
        "Load tables again, from the first row.",
        Some(ReloadOrder::schema),
    ),
    ordering(
        routes::RESUME_TABLE,
        "Go on with a suspended table.",
        Some(ResumeTableOrder::schema),
    ),
    ordering(
        routes::DECIDE_FILE,
        "Decide what becomes of a file that is set aside.",
        Some(DecideFileOrder::schema),
    ),
    ordering(
        routes::REPLAY,
        "Send the dead letters of a file again.",
        Some(ReplayOrder::schema),
    ),
    ordering(
        routes::VERIFY,
        "Begin to compare the stream with the files, while the task goes on.",
        Some(VerifyOrder::schema),
    ),
];

const fn health(path: &'static str, about: &'static str) -> Endpoint {
    Endpoint {
        codes: &[200, 503],
        content: TEXT,
        ..reading(path, about)
    }
}

const fn reading(path: &'static str, about: &'static str) -> Endpoint {
    Endpoint {
        path,
        is_order: false,
        about,
        body: None,
        codes: &[200],
        content: JSON,
    }
}

const fn ordering(path: &'static str, about: &'static str, body: Option<fn() -> RefOr<Schema>>) -> Endpoint {
    Endpoint {
        path,
        is_order: true,
        about,
        body,
        codes: &[200],
        content: JSON,
    }
}

impl Endpoint {
    /// Whether it is served whoever asks.
    pub fn is_open(&self) -> bool {
        self.codes.contains(&503)
    }

    /// What it answers besides, if it does not do what is asked.
    fn refusals(&self) -> impl Iterator<Item = u16> + '_ {
        let orders: &[u16] = if self.is_order { &[400, 404, 409, 413] } else { &[] };
        let access: &[u16] = if self.is_open() {
            &[421]
        } else {
            &[401, 403, 421, 500]
        };
        let parameters: &[u16] = if self.path == routes::SNAPSHOT {
            &[400]
        } else {
            &[]
        };
        let faults: &[u16] = if self.is_order { &[503] } else { &[] };
        [access, orders, parameters, faults]
            .into_iter()
            .flatten()
            .copied()
    }

    fn operation(&self) -> OperationBuilder {
        let name = self.path.trim_start_matches('/').replace(['/', '-'], "_");
        let mut operation = OperationBuilder::new()
            .operation_id(Some(name))
            .summary(Some(self.about));
        for code in self.codes {
            operation = operation.response(code.to_string(), self.response(*code));
        }
        for code in self.refusals() {
            operation = operation.response(code.to_string(), problem());
        }
        if !self.is_open() {
            let none: [&str; 0] = [];
            operation = operation.security(SecurityRequirement::new(TOKEN, none));
        }
        if let Some(schema) = self.body {
            let content = ContentBuilder::new().schema(Some(schema())).build();
            let body = RequestBodyBuilder::new()
                .content(JSON, content)
                .required(Some(Required::True));
            operation = operation.request_body(Some(body.build()));
        }
        match self.path {
            routes::SNAPSHOT => operation.parameter(query("since", Type::String)),
            "/livez" | "/readyz" => operation.parameter(query("verbose", Type::String)),
            _ => operation,
        }
    }

    fn response(&self, code: u16) -> Response {
        let response = ResponseBuilder::new().description(self.about);
        if code == 304 {
            return response.build();
        }
        let schema = match (self.content, self.is_order) {
            (TEXT, _) => ObjectBuilder::new().schema_type(Type::String).into(),
            (_, true) => Outcome::schema(),
            (_, false) => ObjectBuilder::new()
                .schema_type(SchemaType::Type(Type::Object))
                .into(),
        };
        let content = ContentBuilder::new().schema(Some(schema)).build();
        response.content(self.content, content).build()
    }
}

fn query(name: &str, kind: Type) -> ParameterBuilder {
    let schema = ObjectBuilder::new().schema_type(kind);
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query);
    parameter.required(Required::False).schema(Some(schema))
}

fn problem() -> Response {
    let content = ContentBuilder::new().schema(Some(Problem::schema())).build();
    ResponseBuilder::new()
        .description("Why not, one sentence.")
        .content(JSON, content)
        .build()
}

/// The document.
pub fn document() -> OpenApi {
    let paths = ENDPOINTS.iter().fold(PathsBuilder::new(), |paths, endpoint| {
        let method = if endpoint.is_order {
            HttpMethod::Post
        } else {
            HttpMethod::Get
        };
        paths.path(endpoint.path, PathItem::new(method, endpoint.operation()))
    });
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The value of `api.token`."));
    let components = ComponentsBuilder::new().security_scheme(TOKEN, SecurityScheme::Http(token.build()));
    let info = InfoBuilder::new()
        .title("Bucket Brigade")
        .version(env!("CARGO_PKG_VERSION"));
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths.build())
        .components(Some(components.build()))
        .build()
}

/// The endpoints as a table for people.
pub fn as_markdown() -> String {
    let mut text = String::from("\n| Endpoint | What it does | Takes the token |\n|---|---|---|\n");
    for endpoint in ENDPOINTS {
        let method = if endpoint.is_order { "POST" } else { "GET" };
        let token = match (endpoint.is_open(), endpoint.is_order) {
            (true, _) => "no",
            (false, true) => "always",
            (false, false) => "where one is set",
        };
        for part in [
            "| `",
            method,
            " ",
            endpoint.path,
            "` | ",
            endpoint.about,
            " | ",
            token,
            " |\n",
        ] {
            text.push_str(part);
        }
    }
    text.push('\n');
    text
}
