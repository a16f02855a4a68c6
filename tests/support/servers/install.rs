//! Installs the servers once, however many test programs ask at the same time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const MOTO: &str = "5.2.5";
const OTELTAP: &str = "1.0.0";
const PYARROW: &str = "26.0.1";
const DUCKDB: &str = "2.0.0";
const CSV_SPECTRUM: &str = "2.0.0";
const KINESALITE: &str = "3.3.3";
const KINESIS_AGG_PYTHON: &str = "1.2.3";
const PROTOBUF: &str = "7.36.2";
const SIX: &str = "1.17.0";
const KINESIS_AGG_NODE: &str = "4.2.8";
/// As in its `pom.xml`.
const KCL: &str = "3.5.1";
const MAVEN_DEPENDENCY: &str = "3.8.1";
const PLAYWRIGHT: &str = "1.65.1";
const AXE: &str = "4.14.1";
const SCHEMATHESIS: &str = "4.32.5";
const JAEGER: &str = "v1.76.0";
const MINIO: &str = "v0.0.0-20260212201848-7aac2a2c5b7c";

/// The Python of this machine, if it has a module of its standard library.
pub fn system_python(module: &str) -> Result<PathBuf, String> {
    let python = PathBuf::from("python3");
    let output = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(python),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The Python interpreter that has moto.
pub fn moto() -> Result<PathBuf, String> {
    python(&format!("moto-{MOTO}"), &[format!("moto[server]=={MOTO}")])
}

/// The Python interpreter that has oteltap.
pub fn oteltap() -> Result<PathBuf, String> {
    python(&format!("oteltap-{OTELTAP}"), &[format!("oteltap=={OTELTAP}")])
}

/// The Python interpreter that has schemathesis.
pub fn schemathesis() -> Result<PathBuf, String> {
    python(
        &format!("schemathesis-{SCHEMATHESIS}"),
        &[format!("schemathesis=={SCHEMATHESIS}")],
    )
}

/// The Python interpreter that has pyarrow.
pub fn pyarrow() -> Result<PathBuf, String> {
    python(&format!("pyarrow-{PYARROW}"), &[format!("pyarrow=={PYARROW}")])
}

/// The Python interpreter that has `DuckDB`.
pub fn duckdb() -> Result<PathBuf, String> {
    python(&format!("duckdb-{DUCKDB}"), &[format!("duckdb=={DUCKDB}")])
}

/// The folder of csv-spectrum: CSV files and, beside them, what they say.
pub fn csv_spectrum() -> Result<PathBuf, String> {
    Ok(node_modules("csv-spectrum", CSV_SPECTRUM)?.join("csv-spectrum"))
}

/// The Python interpreter that has AWS's library for aggregated records.
pub fn kinesis_agg_python() -> Result<PathBuf, String> {
    let packages = [
        format!("aws-kinesis-agg=={KINESIS_AGG_PYTHON}"),
        format!("protobuf=={PROTOBUF}"),
        // Needed and not asked for.
        format!("six=={SIX}"),
    ];
    python(&format!("kinesis-agg-python-{KINESIS_AGG_PYTHON}"), &packages)
}

/// The folder of Node modules that has AWS's library for aggregated records.
pub fn kinesis_agg_node() -> Result<PathBuf, String> {
    node_modules("aws-kinesis-agg", KINESIS_AGG_NODE)
}

/// The folder of Node modules that has kinesalite.
pub fn kinesalite() -> Result<PathBuf, String> {
    node_modules("kinesalite", KINESALITE)
}

/// The folder in which Node finds what drives a browser and what judges a page.
pub fn browser_driver() -> Result<PathBuf, String> {
    once(&format!("playwright-{PLAYWRIGHT}-axe-{AXE}"), |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--prefix"])
            .arg(folder);
        npm.arg(format!("playwright-core@{PLAYWRIGHT}"));
        run(npm.arg(format!("axe-core@{AXE}")))
    })
}

/// The browser of this machine.
pub fn chromium() -> Result<PathBuf, String> {
    let path = std::env::var_os("CHROMIUM").map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("there is no {}; CHROMIUM names another", path.display()))
    }
}

/// The `minio` program.
pub fn minio() -> Result<PathBuf, String> {
    let folder = once(&format!("minio-{MINIO}"), |folder| {
        let mut go = Command::new("go");
        go.env("GOBIN", folder)
            .args(["install", "-trimpath", "-ldflags=-s -w"]);
        run(go.arg(format!("github.com/minio/minio@{MINIO}")))
    })?;
    Ok(folder.join("minio"))
}

/// The `jaeger` program.
///
/// Its module replaces another one, which only counts in a module of its own; and two modules that it needs are known by its
/// `go.sum` alone.
pub fn jaeger() -> Result<PathBuf, String> {
    let package = "github.com/jaegertracing/jaeger";
    let folder = once(&format!("jaeger-{JAEGER}"), |folder| {
        let go = |arguments: &[&str]| {
            let mut go = Command::new("go");
            go.current_dir(folder).args(arguments);
            go
        };
        let downloaded = go(&["mod", "download", "-json", &format!("{package}@{JAEGER}")]).output();
        let downloaded = downloaded.map_err(|error| error.to_string())?;
        let module: serde_json::Value = serde_json::from_slice(&downloaded.stdout)
            .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&downloaded.stderr)))?;
        let sums = Path::new(
            module
                .get("Dir")
                .and_then(serde_json::Value::as_str)
                .ok_or("no folder of the module")?,
        )
        .join("go.sum");
        let text = |error: std::io::Error| error.to_string();
        fs::write(folder.join("go.sum"), fs::read(sums).map_err(text)?).map_err(text)?;
        let sarama = "github.com/Shopify/sarama";
        let module = format!("module servers\n\ngo 1.25\n\nreplace {sarama} => {sarama} v1.33.0\n");
        fs::write(folder.join("go.mod"), module).map_err(text)?;
        run(&mut go(&[
            "get",
            "-tool",
            &format!("{package}/cmd/jaeger@{JAEGER}"),
        ]))?;
        run(&mut go(&[
            "build",
            "-trimpath",
            "-ldflags=-s -w",
            "-o",
            "jaeger",
            &format!("{package}/cmd/jaeger"),
        ]))
    })?;
    Ok(folder.join("jaeger"))
}

/// The folder with `prometheus` and `promtool`, taken out of the package of Debian and not installed.
pub fn prometheus() -> Result<PathBuf, String> {
    let folder = once("prometheus-debian", |folder| {
        run(Command::new("apt-get")
            .args(["download", "--quiet", "prometheus"])
            .current_dir(folder))?;
        let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
        let mut paths = entries.flatten().map(|entry| entry.path());
        let package = paths.find(|path| path.extension().is_some_and(|kind| kind == "deb"));
        let package = package.ok_or("apt-get left no package")?;
        run(Command::new("dpkg").arg("-x").arg(package).arg(folder))
    })?;
    Ok(folder.join("usr/bin"))
}

/// The folder of the libraries that a `pom.xml` names.
pub fn kcl(pom: &Path) -> Result<PathBuf, String> {
    let folder = once(&format!("amazon-kinesis-client-{KCL}"), |folder| {
        let mut maven = Command::new("mvn");
        maven.args(["--batch-mode", "--quiet", "--file"]).arg(pom);
        maven.arg(format!(
            "org.apache.maven.plugins:maven-dependency-plugin:{MAVEN_DEPENDENCY}:copy-dependencies"
        ));
        run(maven.arg(format!("-DoutputDirectory={}", folder.join("lib").display())))
    })?;
    Ok(folder.join("lib"))
}

/// A Python interpreter that has some packages.
fn python(name: &str, packages: &[String]) -> Result<PathBuf, String> {
    let folder = once(name, |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let pip = folder.join("bin/pip");
        run(Command::new(pip)
            .args(["install", "--quiet", "--disable-pip-version-check"])
            .args(packages))
    })?;
    Ok(folder.join("bin/python"))
}

/// A folder of Node modules that has a package.
fn node_modules(package: &str, version: &str) -> Result<PathBuf, String> {
    let folder = once(&format!("{package}-{version}"), |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--prefix"])
            .arg(folder);
        run(npm.arg(format!("{package}@{version}")))
    })?;
    Ok(folder.join("node_modules"))
}

/// A folder below `target/test-servers` that `install` has filled, now or earlier.
///
/// The lock is held while one program installs; others wait for it. A marker, written last, tells a whole
/// installation from one that was interrupted.
fn once(name: &str, install: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .ok_or("no target folder")?
        .join("test-servers");
    let text = |error: std::io::Error| format!("{}: {error}", root.display());
    fs::create_dir_all(&root).map_err(text)?;
    let lock = File::create(root.join(format!("{name}.lock"))).map_err(text)?;
    lock.lock().map_err(text)?;
    let folder = root.join(name);
    let marker = folder.join("INSTALLED");
    if !marker.exists() {
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(text)?;
        }
        fs::create_dir_all(&folder).map_err(text)?;
        install(&folder)?;
        fs::write(&marker, name).map_err(text)?;
    }
    Ok(folder)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {}", output.status, complaint.trim()))
}
