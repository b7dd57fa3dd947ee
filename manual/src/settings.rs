//! A configuration file beneath a command line: TOML, whose keys are the long options. What the command
//! line or the environment says goes before it.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use clap::{Arg, ArgAction, Command};
use clap_mangen::roff::{Roff, roman};
pub use toml::{Table, Value};

use crate::{Part, Section};

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

/// The manual page of the file, in roff: what it is, every setting, then `sections`.
#[must_use]
pub fn page(rules: Rules<'_>, about: &[&str], sections: &[Section]) -> String {
    let (program, file) = (rules.command.get_name(), file_name(rules.command));
    let mut name = Roff::new();
    name.control("SH", ["NAME"]);
    name.text([roman(format!("{file} - the configuration of {program}"))]);
    let about = about.iter().map(|&text| Part::Text(text.to_owned())).collect();
    let settings = rules.settings().map(described).collect();
    let said = [
        Section { title: "DESCRIPTION", parts: about },
        Section { title: "SETTINGS", parts: settings },
    ];
    let head = format!("{}{}", crate::preamble(), crate::title(&file, 5, rules.command));
    let body = said.iter().chain(sections).map(|section| crate::plain(&crate::section_of(section)));
    core::iter::once(head + &crate::plain(&name)).chain(body).collect()
}

/// `peer.toml`.
fn file_name(command: &Command) -> String {
    format!("{}.toml", command.get_name())
}

/// A setting: how it is written, what it says, what else says so.
fn described(argument: &Arg) -> Part {
    let long = argument.get_long().unwrap_or_default();
    let value = match argument.get_value_names() {
        _ if is_flag(argument) => "true|false".to_owned(),
        Some([name]) => format!("\"{name}\""),
        _ => "\"VALUE\"".to_owned(),
    };
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let mut said = vec![format!("{}.", help.map(ToString::to_string).unwrap_or_default())];
    let variable = argument.get_env().and_then(|name| name.to_str());
    let variable = variable.map(|name| format!(" and {name}")).unwrap_or_default();
    let usual: Vec<_> =
        argument.get_default_values().iter().filter_map(|value| value.to_str()).collect();
    let usual = match usual[..] {
        [usual] if !is_flag(argument) => format!(" Default: {usual}."),
        _ => String::new(),
    };
    said.push(format!("As --{long}{variable}, which go before it.{usual}"));
    Part::Item(format!("{long} = {value}"), said)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_file_has_every_setting_and_what_is_said_besides() {
        let at = Arg::new("at").long("at").env("TEST_AT").value_name("PORT").default_value("7");
        let flag = Arg::new("flag").long("flag").action(ArgAction::SetTrue).help("Whether");
        let once = Arg::new("once").long("once").help("Not here");
        let command = Command::new("prog").version("1.2").args([at.help("Where"), flag, once]);
        let rules = Rules { command: &command, once: &["once"] };
        let section = Section { title: "SEE ALSO", parts: vec![Part::Text("prog(1)".to_owned())] };
        let page = page(rules, &["One.", "Two."], &[section]);
        for wanted in [
            ".TH \"PROG.TOML\" 5 \"\" \"Tincan 1.2\" \"Tincan\"\n",
            ".SH NAME\nprog.toml \\- the configuration of prog\n",
            ".SH DESCRIPTION\n.PP\nOne.\n.PP\nTwo.\n",
            ".TP\n\\fBat = \"PORT\"\\fR\nWhere.\n.br\nAs \\-\\-at and TEST_AT, which go before it. Default: 7.\n",
            ".TP\n\\fBflag = true|false\\fR\nWhether.\n.br\nAs \\-\\-flag, which go before it.\n",
            ".SH \"SEE ALSO\"\n.PP\nprog(1)\n",
        ] {
            assert!(page.contains(wanted), "{wanted} in\n{page}");
        }
        assert!(!page.contains("once"), "{page}");
    }
}
