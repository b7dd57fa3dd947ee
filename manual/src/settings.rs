//! A configuration file beneath a command line: TOML, whose keys are the long options. What the command
//! line or the environment says goes before it.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use clap::{Arg, ArgAction, Command};
pub use toml::{Table, Value};

/// A longer file is not one of ours.
const MAX_FILE: u64 = 1 << 20;

/// What a command line lets a file say.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The command line.
    pub command: &'a Command,
    /// Ids of options that are no settings: they say what to do this time.
    pub once: &'a [&'a str],
}

impl<'a> Rules<'a> {
    /// The options that a file may set.
    pub fn settings(self) -> impl Iterator<Item = &'a Arg> {
        let once = self.once;
        self.command
            .get_arguments()
            .filter(move |argument| !once.contains(&argument.get_id().as_str()))
    }

    /// The option of this name, if a file may set it.
    ///
    /// # Errors
    /// A text for the person.
    pub fn option(self, name: &str) -> Result<&'a Arg, String> {
        let found = self.settings().find(|argument| argument.get_long() == Some(name));
        found.ok_or_else(|| {
            let program = self.command.get_name();
            format!("there is no setting '{name}': those are the long options of {program} --help")
        })
    }

    /// One setting: the option's id, and its value as it would be typed.
    ///
    /// # Errors
    /// A text for the person.
    pub fn setting(self, key: &str, value: &Value) -> Result<(String, String), String> {
        let argument = self.option(key)?;
        let text = match (value, is_flag(argument)) {
            (Value::Boolean(value), true) => value.to_string(),
            (Value::String(text), false) => text.clone(),
            (Value::Integer(number), false) => number.to_string(),
            (_, true) => return Err(format!("'{key}' is either true or false")),
            (_, false) => return Err(format!("'{key}' is a text in quotes, or a number")),
        };
        Ok((argument.get_id().to_string(), text))
    }
}

/// Whether it is either true or false.
#[must_use]
pub fn is_flag(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue)
}

/// The text of a file; `None` when it is not there.
///
/// # Errors
/// A text for the person.
pub fn read(file: &Path) -> Result<Option<String>, String> {
    let wrong = |error: io::Error| of_file(file, &error.to_string());
    match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Ok(found) if found.len() > MAX_FILE => Err(of_file(file, "it is too long")),
        Ok(_) | Err(_) => fs::read_to_string(file).map(Some).map_err(wrong),
    }
}

/// What is wrong with a configuration, and with which.
#[must_use]
pub fn of_file(file: &Path, what: &str) -> String {
    format!("configuration {}: {what}", file.display())
}

/// The keys and values of a text.
///
/// # Errors
/// A text for the person, with the line.
pub fn table(text: &str) -> Result<Table, String> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        format!("line {line}: {}", error.message().replace('\n', " "))
    })
}

/// The command line's rules, with these values, by the options' ids, where neither it nor the environment
/// gives one.
#[must_use]
pub fn beneath(command: Command, settings: &BTreeMap<String, String>) -> Command {
    settings.iter().fold(command, |command, (id, value)| {
        // Clap wants what it shows as a default for ever.
        let value: &'static str = value.clone().leak();
        command.mut_arg(id, |argument| argument.default_value(value))
    })
}
