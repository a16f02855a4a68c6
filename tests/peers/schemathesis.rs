//! The API under requests that a generator makes of its description: no answer that is not described, no failure, no way
//! around the token. `stop` is left out, because nothing is left to ask after it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use crate::servers::{install, or_skip};
use crate::task_folder::{Settings, TaskFolder};

const TOKEN: &str = "a-token-of-16-letters";

#[test]
fn no_request_gets_an_answer_that_is_not_described() {
    let Some(python) = or_skip("schemathesis", install::schemathesis()) else {
        return;
    };
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let task = TaskFolder::new(&Settings {
        listen: format!("{address}\", token: \"{TOKEN}"),
        ..Settings::default()
    });
    task.write("data/cdc/d.csv", "INSERT,orders,shop,not a number,1.00,bad\n");
    let running = task.start();
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "nothing is served");
        std::thread::sleep(Duration::from_millis(50));
    }
    let program = python.with_file_name("schemathesis");
    let output = Command::new(program)
        .arg("run")
        .arg(format!("http://{address}/api/v1/openapi.json"))
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args([
            "--exclude-path",
            "/api/v1/stop",
            "--checks",
            "all",
            "--max-examples",
            "30",
        ])
        .args(["--seed", "20261130", "--no-color"])
        .current_dir(task.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    // Nothing of that has hurt the task.
    task.brigade(&["resume"]).expect(0);
    running.terminate();
    let mut running = running;
    assert_eq!(running.exit_code(), Some(0));
    let report = task.json(&["verify"]);
    assert_eq!(
        report.get("rows_missing"),
        Some(&serde_json::json!(0)),
        "{report:#}"
    );
}
