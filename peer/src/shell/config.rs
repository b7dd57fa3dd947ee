//! The configuration file: TOML, whose keys are the long options, with tables of words, keys and
//! colours of the user's own. What the command line or the environment says goes before it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use directories::ProjectDirs;
pub(super) use manual::settings::is_flag;
use manual::settings::{self as file_settings, Rules, Table, Value};

use crate::command::aliases::Aliases;
use crate::face::tui::{Keys, Theme};

/// Options that are no settings: they say what to do this time.
const ONCE: [&str; 6] = ["config", "print_config", "register", "json", "help", "version"];
/// The tables in it: what they hold has names of the user's own, or of parts of the screen.
pub(super) const TABLES: [&str; 3] = ["aliases", "keys", "theme"];

/// What the file says.
#[derive(Clone, Debug, Default)]
pub(super) struct Config {
    /// Where it is, or would be.
    pub(super) file: Option<PathBuf>,
    /// Values as they would be typed, by the option's id.
    pub(super) settings: BTreeMap<String, String>,
    /// Texts by the table's and their own name.
    pub(super) tables: BTreeMap<(&'static str, String), String>,
}

/// What the tables come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) aliases: Aliases,
    pub(super) keys: Keys,
    pub(super) theme: Theme,
}

impl Tables {
    /// Puts one entry in.
    ///
    /// # Errors
    /// A text for the person.
    pub(super) fn put(&mut self, table: &str, name: &str, text: &str) -> Result<(), String> {
        match table {
            "aliases" => {
                self.aliases.add(name, text).map_err(|why| format!("alias '{name}': {why}"))
            }
            "keys" => self.keys.bind(name, text),
            _ => self.theme.set(name, text).map_err(|why| format!("theme: {why}")),
        }
    }
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
        let text = match file_settings::read(&file)? {
            Some(text) => text,
            None if named.is_none() => String::new(),
            None => return Err(file_settings::of_file(&file, "there is no such file")),
        };
        let config =
            Self::parse(&text, command).map_err(|error| file_settings::of_file(&file, &error))?;
        Ok(Self { file: Some(file), ..config })
    }

    pub(super) fn parse(text: &str, command: &Command) -> Result<Self, String> {
        let mut config = Self::default();
        for (key, value) in file_settings::table(text)? {
            match (TABLES.iter().find(|name| **name == key), &value) {
                (Some(name), Value::Table(entries)) => config.read_table(name, entries)?,
                _ => {
                    let (id, value) = rules(command).setting(&key, &value)?;
                    config.settings.insert(id, value);
                }
            }
        }
        config.tables()?;
        Ok(config)
    }

    fn read_table(&mut self, table: &'static str, entries: &Table) -> Result<(), String> {
        for (name, value) in entries {
            let Value::String(text) = value else {
                return Err(format!("{table}: what '{name}' stands for is a text in quotes"));
            };
            self.tables.insert((table, name.clone()), text.clone());
        }
        Ok(())
    }

    /// What the tables come to.
    ///
    /// # Errors
    /// A text for the person.
    pub(super) fn tables(&self) -> Result<Tables, String> {
        let mut tables = Tables::default();
        for ((table, name), text) in &self.tables {
            tables.put(table, name, text)?;
        }
        Ok(tables)
    }

    /// The command line's rules, with the file's values where neither it nor the environment
    /// gives one.
    pub(super) fn beneath(&self, command: Command) -> Command {
        file_settings::beneath(command, &self.settings)
    }
}

pub(super) const fn rules(command: &Command) -> Rules<'_> {
    Rules { command, once: &ONCE }
}

/// The options that a file may set.
pub(super) fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
    rules(command).settings()
}

/// The option of this name, if a file may set it.
///
/// # Errors
/// A text for the person.
pub(super) fn option<'a>(command: &'a Command, name: &str) -> Result<&'a Arg, String> {
    rules(command).option(name)
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
             [aliases]\nhi = \"/msg bob hi\"\n[keys]\nF5 = \"/files\"\n[theme]\nfile = \"blue\"\n",
        )
        .unwrap();
        let settings: Vec<(&str, &str)> =
            config.settings.iter().map(|(id, value)| (id.as_str(), value.as_str())).collect();
        let expected =
            [("auto_accept", "2G"), ("plain", "true"), ("server", "chat.example"), ("udp", "6000")];
        assert_eq!(settings, expected);
        let mut tables = Tables::default();
        for (table, name, text) in
            [("aliases", "hi", "/msg bob hi"), ("keys", "F5", "/files"), ("theme", "file", "blue")]
        {
            tables.put(table, name, text).unwrap();
        }
        assert_eq!(config.tables().unwrap(), tables);
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
        let tables: std::collections::BTreeSet<&str> =
            config.tables.keys().map(|(table, _)| *table).collect();
        assert_eq!(tables, TABLES.into());
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
            ("aliases = 1", "aliases"),
            ("[keys]\nx = \"/who\"", "no key"),
            ("[keys]\nF5 = \"who\"", "begins with '/'"),
            ("[theme]\nfile = \"bluish\"", "bluish"),
            ("[theme]\nfiles = \"blue\"", "files"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(word) && !error.contains('\n'), "{text}: {error}");
        }
    }
}
