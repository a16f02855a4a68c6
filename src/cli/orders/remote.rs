//! Orders to the process that runs a task, over its API.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, RequestBuilder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cli::status::file as status_file;
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::serve::desk::{Order, Outcome, Subject};
use crate::serve::routes;
use crate::settings::ApiToken;

/// How long a connection may take: the process is on this machine, or near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The API of a running task.
#[derive(Debug)]
pub(super) struct Remote<'a> {
    address: String,
    /// The process that is meant: another task may be served at its address by now.
    process: String,
    /// Reading may need none.
    token: Option<&'a ApiToken>,
}

/// What the API says of a request that it does not carry out.
#[derive(Debug, Deserialize)]
struct Problem {
    error: String,
    exit_code: Option<u8>,
}

impl<'a> Remote<'a> {
    /// The API of the task that has the state, to give orders to; `locked` says that somebody has it.
    ///
    /// # Errors
    /// If it takes no orders.
    pub(super) fn of(config: &'a Config, locked: Fault) -> Result<Self, Fault> {
        let remote = Self::to_read(config, locked)?;
        if remote.token.is_some() {
            return Ok(remote);
        }
        let message = format!(
            "task {} runs, and takes orders at {} only with a token; set api.token and start it again, or stop it first",
            config.task, remote.address
        );
        Err(Fault::new(FaultKind::StateLocked, message))
    }

    /// The same, to look something up.
    ///
    /// # Errors
    /// If it serves nothing.
    pub(super) fn to_read(config: &'a Config, locked: Fault) -> Result<Self, Fault> {
        let Some(status) = status_file::read(&config.state.path)? else {
            return Err(locked);
        };
        let process = status.process();
        let address = status.api_address.ok_or_else(|| locked.clone())?;
        let token = config.api.token.as_ref();
        let remote = Self {
            address,
            process,
            token,
        };
        // Whoever is there instead must not learn the token.
        if remote.is_there()? {
            Ok(remote)
        } else {
            Err(locked)
        }
    }

    /// Whether the process that is meant answers.
    fn is_there(&self) -> Result<bool, Fault> {
        let request = self.client()?.get(self.url("/livez")).timeout(CONNECT_TIMEOUT);
        let answer = request.header(routes::PROCESS_HEADER, &self.process).send();
        Ok(answer.is_ok_and(|answer| answer.status() != StatusCode::MISDIRECTED_REQUEST))
    }

    /// Looks something up.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) fn look_up<T: DeserializeOwned>(&self, subject: Subject) -> Result<T, Fault> {
        let client = self.client()?;
        self.answer(client.get(self.url(routes::of(subject))))
    }

    /// Has an order carried out, and waits for the outcome.
    ///
    /// # Errors
    /// Why it is not carried out.
    pub(super) fn give(&self, order: &Order, by: &str) -> Result<Outcome, Fault> {
        match order {
            Order::Pause => self.post(routes::PAUSE, &(), by),
            Order::Resume => self.post(routes::RESUME, &(), by),
            Order::Stop => self.post(routes::STOP, &(), by),
            Order::Reload(order) => self.post(routes::RELOAD, order, by),
            Order::ResumeTable(order) => self.post(routes::RESUME_TABLE, order, by),
            Order::DecideFile(order) => self.post(routes::DECIDE_FILE, order, by),
            Order::Replay(order) => self.post(routes::REPLAY, order, by),
        }
    }

    fn post(&self, path: &str, body: &impl Serialize, by: &str) -> Result<Outcome, Fault> {
        let request = self.client()?.post(self.url(path));
        self.answer(request.header(routes::REQUESTER_HEADER, by).json(body))
    }

    fn client(&self) -> Result<Client, Fault> {
        // A replay of many rows takes its time; a process that is gone is seen by its connection.
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(None);
        client.build().map_err(|error| self.unreachable(&error))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Fault> {
        let request = request.header(routes::PROCESS_HEADER, &self.process);
        let request = match self.token {
            Some(token) => request.bearer_auth(token.secret()),
            None => request,
        };
        let answer = request.send().map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let text = answer.text().map_err(|error| self.unreachable(&error))?;
        if status.is_success() {
            return serde_json::from_str(&text).map_err(|error| self.unreachable(&error));
        }
        if status == StatusCode::UNAUTHORIZED {
            let message = format!(
                "the running task at {} has another api.token than this configuration; use the configuration that it was \
                 started with",
                self.address
            );
            return Err(Fault::new(FaultKind::PermissionDenied, message));
        }
        let problem: Problem = serde_json::from_str(&text).unwrap_or_else(|_| Problem {
            error: format!("{} answered {status}", self.address),
            exit_code: None,
        });
        let kind = problem
            .exit_code
            .map_or(FaultKind::Internal, FaultKind::of_exit_code);
        Err(Fault::new(kind, problem.error))
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> Fault {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        let message = format!(
            "the running task at {} does not answer: {}",
            self.address,
            causes.join(": ")
        );
        Fault::new(FaultKind::Unreachable, message)
    }
}
