//! The page of a running task in a real browser: no error, no request elsewhere, nothing that its policy forbids, readable
//! for everybody, and right.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use crate::servers::install;
use crate::task_folder::{Settings, TaskFolder};

const TOKEN: &str = "a-token-of-16-letters";
/// In the values of a row that is a dead letter, which the page must not show.
const CANARY: &str = "c4n4ry";

#[test]
fn the_page_works_in_a_browser() {
    let tools = install::chromium().and_then(|chromium| Ok((chromium, install::browser_driver()?)));
    let (chromium, driver) = match tools {
        Ok(tools) => tools,
        Err(reason) => {
            #[expect(clippy::print_stderr, reason = "a test that is skipped has to say so")]
            {
                eprintln!("SKIPPED: the page: {reason}");
            }
            return;
        }
    };
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let task = TaskFolder::new(&Settings {
        listen: format!("{address}\", token: \"{TOKEN}"),
        ..Settings::default()
    });
    task.write(
        "data/cdc/d.csv",
        &format!("INSERT,orders,shop,{CANARY},1.00,{CANARY}\n"),
    );
    fs::write(task.path().join("data/cdc/e.csv.gz"), "this is not gzip").unwrap();
    let mut running = task.start();
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "nothing is served");
        std::thread::sleep(Duration::from_millis(50));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/page/page_test.mjs");
    let output = Command::new("node")
        .arg(script)
        .arg(format!("http://{address}/"))
        .envs([("PAGE_TOKEN", TOKEN), ("PAGE_CANARY", CANARY)])
        .env("CHROMIUM", chromium)
        .current_dir(driver)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:#?}");
    running.terminate();
    assert_eq!(running.exit_code(), Some(65), "a file is set aside");
}
