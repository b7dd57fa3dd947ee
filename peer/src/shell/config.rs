//! The configuration file: TOML, whose keys are the long options. What the command line or the
//! environment says goes before it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command};
use directories::ProjectDirs;
use toml::{Table, Value};

use crate::command::aliases::Aliases;

/// Options that are no settings: they say what to do this time.
const ONCE: [&str; 6] = ["config", "print_config", "register", "json", "help", "version"];
/// A longer file is not one of ours.
const MAX_FILE: u64 = 1 << 20;

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// Where it is; `None` where there is none.
    file: Option<PathBuf>,
    settings: BTreeMap<String, String>,
    pub(super) aliases: Aliases,
}

impl Config {
    /// Reads the file that is named, or the one of this system's rules if it is there.
    ///
    /// # Errors
    /// A text for the person.
    pub(super) fn read(named: Option<&Path>, command: &Command) -> Result<Self, String> {
        let usual = || Some(ProjectDirs::from("", "", "tincan")?.config_dir().join("peer.toml"));
        let Some(file) = named.map(Path::to_owned).or_else(usual) else {
            return Ok(Self::default());
        };
        let wrong = |what: &str| format!("configuration {}: {what}", file.display());
        let text = match fs::metadata(&file) {
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Ok(found) if found.len() > MAX_FILE => return Err(wrong("it is too long")),
            Ok(_) | Err(_) => {
                fs::read_to_string(&file).map_err(|error| wrong(&error.to_string()))?
            }
        };
        let mut config = Self::parse(&text, command).map_err(|error| wrong(&error))?;
        config.file = Some(file);
        Ok(config)
    }

    fn parse(text: &str, command: &Command) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            format!("line {line}: {}", error.message().replace('\n', " "))
        })?;
        let mut config = Self::default();
        for (key, value) in table {
            if let (Value::Table(table), "aliases") = (&value, key.as_str()) {
                config.aliases = aliases_of(table)?;
            } else {
                let (id, value) = setting(&key, &value, command)?;
                config.settings.insert(id, value);
            }
        }
        Ok(config)
    }

    /// The command line's rules, with the file's values where neither it nor the environment
    /// gives one.
    pub(super) fn beneath(&self, command: Command) -> Command {
        self.settings.iter().fold(command, |command, (id, value)| {
            // Clap wants what it shows as a default for ever.
            let value: &'static str = value.clone().leak();
            command.mut_arg(id, |argument| argument.default_value(value))
        })
    }

    /// All settings as such a file, each with where it comes from.
    pub(super) fn print(&self, command: &Command, matches: &ArgMatches) -> String {
        let file = self.file.as_ref().map_or("none".to_owned(), |file| file.display().to_string());
        let mut text = format!("# The settings of peer as they are. Configuration file: {file}\n");
        for argument in settings(command) {
            let id = argument.get_id().as_str();
            let key = argument.get_long().unwrap_or(id);
            let given = matches.get_raw(id).and_then(|mut values| values.next());
            let is_flag = matches!(argument.get_action(), ArgAction::SetTrue);
            let value = match given {
                Some(value) if is_flag => value.to_string_lossy().into_owned(),
                Some(value) => Value::String(value.to_string_lossy().into_owned()).to_string(),
                None => {
                    text.push_str(&format!("# {key} =\n"));
                    continue;
                }
            };
            let from = match matches.value_source(id) {
                Some(ValueSource::CommandLine) => "command line",
                Some(ValueSource::EnvVariable) => "environment",
                _ if self.settings.contains_key(id) => "configuration file",
                _ => "default",
            };
            text.push_str(&format!("{key} = {value}  # {from}\n"));
        }
        text.push_str(&self.aliases.as_toml());
        text
    }
}

/// The options that a file may set.
fn settings(command: &Command) -> impl Iterator<Item = &clap::Arg> {
    command.get_arguments().filter(|argument| !ONCE.contains(&argument.get_id().as_str()))
}

/// One setting: the option's id, and its value as it would be typed.
fn setting(key: &str, value: &Value, command: &Command) -> Result<(String, String), String> {
    let argument = settings(command).find(|argument| argument.get_long() == Some(key));
    let Some(argument) = argument else {
        return Err(format!(
            "there is no setting '{key}': those are the long options of peer --help"
        ));
    };
    let is_flag = matches!(argument.get_action(), ArgAction::SetTrue);
    let text = match (value, is_flag) {
        (Value::Boolean(value), true) => value.to_string(),
        (Value::String(text), false) => text.clone(),
        (Value::Integer(number), false) => number.to_string(),
        (_, true) => return Err(format!("'{key}' is either true or false")),
        (_, false) => return Err(format!("'{key}' is a text in quotes, or a number")),
    };
    Ok((argument.get_id().to_string(), text))
}

fn aliases_of(table: &Table) -> Result<Aliases, String> {
    let mut aliases = Aliases::default();
    for (name, value) in table {
        let Value::String(line) = value else {
            return Err(format!("alias '{name}': the line that it stands for is a text in quotes"));
        };
        aliases.add(name, line).map_err(|error| format!("alias '{name}': {error}"))?;
    }
    Ok(aliases)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::shell::cli::Cli;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, &Cli::command())
    }

    #[test]
    fn keys_are_the_long_options() {
        let config = parse(
            "server = \"chat.example\"\nudp = 6000\nauto-accept = \"2G\"\nplain = true\n\
             [aliases]\nhi = \"/msg bob hi\"\n",
        )
        .unwrap();
        let settings: Vec<(&str, &str)> =
            config.settings.iter().map(|(id, value)| (id.as_str(), value.as_str())).collect();
        let expected =
            [("auto_accept", "2G"), ("plain", "true"), ("server", "chat.example"), ("udp", "6000")];
        assert_eq!(settings, expected);
    }

    /// The document shows every setting, and none that there is not.
    #[test]
    fn the_document_is_complete() {
        let document = include_str!("../../../docs/configuration.md");
        let example = document.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let config = parse(example.unwrap()).unwrap();
        let command = Cli::command();
        let all: std::collections::BTreeSet<&str> =
            settings(&command).map(|argument| argument.get_id().as_str()).collect();
        let shown = config.settings.keys().map(String::as_str).collect();
        assert_eq!(all, shown);
        assert!(config.aliases.as_toml().contains("brb"));
        config.beneath(command).try_get_matches_from(["peer"]).unwrap();
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (text, word) in [
            ("servr = \"x\"", "servr"),
            ("register = true", "register"),
            ("plain = 1", "true or false"),
            ("udp = [1]", "udp"),
            ("\n\nudp = ", "line 3"),
            ("[aliases]\nwho = \"/msg bob\"", "who"),
            ("[aliases]\nhi = 1", "hi"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(word) && !error.contains('\n'), "{text}: {error}");
        }
    }
}
