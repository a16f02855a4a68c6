//! The commands that a message names as a cure, as they have to be given where the configuration is not the default one.

use std::path::Path;

use clap::ArgMatches;
use clap::parser::ValueSource;

/// What begins a command that works on the state of a task.
const COMMAND: &str = "`brigade checkpoint ";

/// A message with the configuration that was given on the command line in each command that it names.
pub fn with_config(message: &str, matches: &ArgMatches) -> String {
    given(matches).map_or_else(|| message.to_owned(), |config| completed(message, config))
}

/// The configuration file, if it was given on the command line: what the environment says holds for the cure too.
fn given(matches: &ArgMatches) -> Option<&Path> {
    let (_, inner) = matches.subcommand()?;
    let is_given = inner
        .ids()
        .any(|id| id == "config" && inner.value_source("config") == Some(ValueSource::CommandLine));
    if is_given {
        let path = inner.try_get_one::<std::path::PathBuf>("config").ok().flatten();
        return path.map(std::path::PathBuf::as_path);
    }
    given(inner)
}

fn completed(message: &str, config: &Path) -> String {
    let mut parts = message.split(COMMAND);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (arguments, rest) = part.split_once('`').unwrap_or((part, ""));
        let config = config.display().to_string();
        for piece in [COMMAND, arguments, " --config ", &config, "`", rest] {
            text.push_str(piece);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn a_cure_names_the_configuration_that_was_given_and_no_other() {
        let message = "put it back with `brigade checkpoint reset` and then `brigade checkpoint import a.jsonl`, or not";
        let cure = |arguments: &[&str]| {
            with_config(message, &Cli::command().try_get_matches_from(arguments).unwrap())
        };
        let completed = "put it back with `brigade checkpoint reset --config b.yaml` and then `brigade checkpoint import \
                         a.jsonl --config b.yaml`, or not";
        assert_eq!(cure(&["brigade", "run", "-c", "b.yaml"]), completed);
        assert_eq!(
            cure(&["brigade", "checkpoint", "show", "--config", "b.yaml"]),
            completed
        );
        assert_eq!(cure(&["brigade", "run"]), message);
        assert_eq!(cure(&["brigade", "schema"]), message);
    }
}
