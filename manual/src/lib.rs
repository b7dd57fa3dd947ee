//! The manual page, the completion scripts and the configuration file of a program, made of its own
//! command line: what `--help` says, the page says too, and what an option sets, the file may set.

pub mod settings;

use std::io;

use clap::{Command, ValueEnum};
pub use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Which manual page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Page {
    /// The program's own, of section 1
    #[default]
    Program,
    /// That of its configuration file, of section 5
    Config,
}

/// What is said of a program besides its command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its heading, in capitals.
    pub title: &'static str,
    /// In order.
    pub parts: Vec<Part>,
}

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A paragraph. Its line breaks are not kept.
    Text(String),
    /// Something with a name, and what there is to say of it: one paragraph for each entry.
    Item(String, Vec<String>),
}

/// The manual page of a program, in roff: its command line, then `sections`.
#[must_use]
pub fn page(command: &Command, sections: &[Section]) -> String {
    let leaves = leaves(command);
    let man = Man::new(command.clone());
    let mut page = format!("{}{}", preamble(), title(command.get_name(), 1, command));
    page.push_str(&rendered(|out| man.render_name_section(out)));
    page.push_str(&synopsis(command, &leaves));
    page.push_str(&rendered(|out| man.render_description_section(out)));
    page.push_str(&rendered(|out| man.render_options_section(out)));
    if !leaves.is_empty() {
        page.push_str(&subcommands(&leaves));
    }
    for section in sections {
        page.push_str(&plain(&section_of(section)));
    }
    page
}

/// The script by which a shell completes what is typed behind the program's name.
#[must_use]
pub fn completions(command: &Command, shell: Shell) -> String {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command.clone(), name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The variables that stand in for options, each with its option.
#[must_use]
pub fn variables(command: &Command) -> Vec<Part> {
    let said = |argument: &clap::Arg| {
        let (name, option) = (argument.get_env()?.to_str()?, argument.get_long()?);
        Some(Part::Item(name.to_owned(), vec![format!("As --{option}, which goes before it.")]))
    };
    command.get_arguments().filter_map(said).collect()
}

/// The commands behind the program's name that have none behind theirs, each as if it were a
/// program.
fn leaves(command: &Command) -> Vec<Command> {
    let mut found = Vec::new();
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        let name = format!("{} {}", called(command), below.get_name());
        let below = below.clone().bin_name(name).disable_help_flag(true);
        let deeper = leaves(&below);
        if deeper.is_empty() {
            found.push(below);
        } else {
            found.extend(deeper);
        }
    }
    found
}

/// What is typed to call it.
fn called(command: &Command) -> &str {
    command.get_bin_name().unwrap_or_else(|| command.get_name())
}

/// Not by the library: it leaves out the empty date, and what follows would stand in its place. A
/// date would make each day's build another.
fn title(page: &str, section: u8, command: &Command) -> String {
    let (name, version) = (page.to_uppercase(), command.get_version().unwrap_or_default());
    format!(".TH \"{name}\" {section} \"\" \"Tincan {version}\" \"Tincan\"\n")
}

fn synopsis(command: &Command, leaves: &[Command]) -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    for (index, form) in core::iter::once(command).chain(leaves).enumerate() {
        if index > 0 {
            roff.control("br", []);
        }
        let usage = usage(form);
        let arguments = usage.strip_prefix(called(form)).unwrap_or(&usage);
        roff.text([bold(called(form)), roman(arguments)]);
    }
    plain(&roff)
}

/// `peer msg [OPTIONS] <USER> <TEXT>`.
fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    usage.trim_start_matches("Usage: ").to_owned()
}

fn subcommands(leaves: &[Command]) -> String {
    let mut text = String::new();
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS OF THE COMMAND LINE"]);
    text.push_str(&plain(&roff));
    for leaf in leaves {
        let mut roff = Roff::new();
        roff.control("SS", [usage(leaf).as_str()]);
        let about = leaf.get_long_about().or_else(|| leaf.get_about());
        roff.text([roman(about.map(ToString::to_string).unwrap_or_default())]);
        text.push_str(&plain(&roff));
        let options = Man::new(leaf.clone());
        let options = rendered(|out| options.render_options_section(out));
        text.push_str(options.strip_prefix(".SH OPTIONS\n").unwrap_or(&options));
    }
    text
}

fn section_of(section: &Section) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [section.title]);
    for part in &section.parts {
        match part {
            Part::Text(text) => {
                roff.control("PP", []);
                roff.text([roman(text)]);
            }
            Part::Item(name, paragraphs) => {
                roff.control("TP", []);
                roff.text([bold(name)]);
                for (index, text) in paragraphs.iter().enumerate() {
                    if index > 0 {
                        roff.control("br", []);
                    }
                    roff.text([roman(text)]);
                }
            }
        }
    }
    roff
}

/// What the library writes.
fn rendered(render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    // Into memory: nothing can fail.
    let _ = render(&mut bytes);
    without_preamble(&String::from_utf8_lossy(&bytes))
}

fn plain(roff: &Roff) -> String {
    without_preamble(&roff.render())
}

/// What the library puts before everything that it writes: once is enough.
fn preamble() -> String {
    Roff::new().render()
}

fn without_preamble(text: &str) -> String {
    text.strip_prefix(&preamble()).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn command() -> Command {
        let at = Arg::new("at").long("at").env("TEST_AT").help("Where").global(true);
        let user = Command::new("user")
            .subcommand(Command::new("add").about("Makes one").arg(Arg::new("name").required(true)))
            .subcommand(Command::new("secret").hide(true));
        Command::new("prog").version("1.2").about("Does things").arg(at).subcommand(user)
    }

    #[test]
    fn a_page_has_the_command_line_and_what_is_said_besides() {
        let section = Section {
            title: "KEYS",
            parts: vec![
                Part::Text("'quoted' at the beginning".to_owned()),
                Part::Item("-x".to_owned(), vec![".one".to_owned(), "two\\".to_owned()]),
            ],
        };
        let page = page(&command(), &[section]);
        for wanted in [
            ".TH \"PROG\" 1 \"\" \"Tincan 1.2\" \"Tincan\"\n",
            ".SH NAME\nprog \\- Does things\n",
            "\\fBprog\\fR [OPTIONS] [COMMAND]\n",
            "\\fBprog user add\\fR <name>\n",
            ".SS \"prog user add <name>\"\nMakes one\n",
            "\\fBTEST_AT\\fR",
            ".SH KEYS\n.PP\n\\*(Aqquoted\\*(Aq at the beginning\n.TP\n\\fB\\-x\\fR\n\\&.one\n.br\ntwo\\\\\n",
        ] {
            assert!(page.contains(wanted), "{wanted} in\n{page}");
        }
        assert!(!page.contains("secret"), "{page}");
        assert_eq!(page.matches(".SH OPTIONS").count(), 1, "{page}");
        assert_eq!(page.matches(".ie ").count(), 1, "{page}");
    }

    #[test]
    fn variables_are_those_of_the_options() {
        let said = vec!["As --at, which goes before it.".to_owned()];
        assert_eq!(variables(&command()), [Part::Item("TEST_AT".to_owned(), said)]);
    }

    #[test]
    fn every_shell_gets_the_names() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let script = completions(&command(), shell);
            assert!(script.contains("user") && script.contains("at"), "{shell}: {script}");
        }
    }
}
