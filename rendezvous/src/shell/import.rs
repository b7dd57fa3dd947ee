//! Accounts made by the operator: OPAQUE's registration with both sides in one process, so that
//! only its record is stored, as if the user had registered over the network.

use std::num::NonZero;
use std::path::Path;
use std::{fs, thread};

use rand_core::OsRng;
use wire::Secret;
use wire::app::login::{Stretch, password};
use wire::app::name::Name;
use zeroize::Zeroizing;

use super::Failure;
use crate::config::Secrets;
use crate::login::Opaque;
use crate::sqlite::SqliteStore;
use crate::store::{NewAccount, StoreOutcome, StoreRequest};

const NOT_STRETCHED: &str = "a password could not be stretched";

/// A line that was not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// Counted from 1.
    pub(super) number: usize,
    /// What is wrong with it; never the line itself, which may hold a password.
    pub(super) reason: String,
}

/// What became of a credentials file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Imported {
    pub(super) accounts: usize,
    pub(super) bad: Vec<BadLine>,
}

struct Credential {
    line: usize,
    name: Name,
    password: Secret<Vec<u8>>,
}

/// Makes an account for each line "user password". Lines that are malformed, or whose name is
/// taken, are reported; the others are imported.
pub(super) fn file(
    path: &Path,
    store: &mut SqliteStore,
    secrets: &Secrets,
    now: u64,
) -> Result<Imported, Failure> {
    let text = fs::read(path).map(Zeroizing::new);
    let text =
        text.map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
    let (credentials, bad) = parse(&text);
    let mut imported = Imported { accounts: 0, bad };
    let lines: Vec<usize> = credentials.iter().map(|credential| credential.line).collect();
    let requests = register_all(credentials, secrets, now)?;
    for (line, outcome) in lines.into_iter().zip(store.execute(&requests)) {
        if outcome == StoreOutcome::Done {
            imported.accounts += 1;
        } else {
            imported.bad.push(BadLine { number: line, reason: why_not(&outcome).to_owned() });
        }
    }
    imported.bad.sort_by_key(|bad| bad.number);
    Ok(imported)
}

/// Makes one account; `Err` says why not.
pub(super) fn one(
    name: Name,
    typed: &Secret<String>,
    store: &mut SqliteStore,
    secrets: &Secrets,
    now: u64,
) -> Result<(), Failure> {
    let password = password(typed).map_err(Failure::new)?;
    let requests = register_all(vec![Credential { line: 1, name, password }], secrets, now)?;
    let outcome = store.execute(&requests).pop().unwrap_or(StoreOutcome::Failed);
    if outcome == StoreOutcome::Done { Ok(()) } else { Err(Failure::new(why_not(&outcome))) }
}

/// Lets another password hold for one account; `Err` says why not.
pub(super) fn another(
    name: &Name,
    typed: &Secret<String>,
    store: &mut SqliteStore,
    secrets: &Secrets,
) -> Result<(), Failure> {
    let password = password(typed).map_err(Failure::new)?;
    let stretch = Stretch::STANDARD;
    let record = secrets
        .password_record(&mut OsRng, name, &password, stretch)
        .ok_or_else(|| Failure::new(NOT_STRETCHED))?;
    if !store.reset_password(name, &record, stretch).map_err(Failure::new)? {
        return Err(no_account(name));
    }
    store.overwrite_removed();
    Ok(())
}

/// What is told of a name that no account has.
pub(super) fn no_account(name: &Name) -> Failure {
    Failure::new(format!("no account {name}"))
}

fn why_not(outcome: &StoreOutcome) -> &'static str {
    if *outcome == StoreOutcome::Conflict {
        "this name, or one that looks like it, has an account"
    } else {
        "the database failed"
    }
}

fn parse(text: &[u8]) -> (Vec<Credential>, Vec<BadLine>) {
    let mut credentials = Vec::new();
    let mut bad = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        match parse_line(number, line) {
            Ok(None) => {}
            Ok(Some(credential)) => credentials.push(credential),
            Err(reason) => bad.push(BadLine { number, reason }),
        }
    }
    (credentials, bad)
}

/// The user is what stands before the first blank, the password what stands after the blanks.
fn parse_line(number: usize, line: &[u8]) -> Result<Option<Credential>, String> {
    let line = str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?;
    let line = line.trim_end_matches('\r').trim_start_matches([' ', '\t']);
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (name, typed) = line.split_once([' ', '\t']).ok_or("no password")?;
    let name = Name::new(name).map_err(|error| error.to_string())?;
    let typed = Secret::new(typed.trim_start_matches([' ', '\t']).to_owned());
    let password = password(&typed).map_err(|error| error.to_string())?;
    Ok(Some(Credential { line: number, name, password }))
}

/// Stretching a password takes a tenth of a second and 64 MiB: as many at once as there are
/// processors, but not more than four.
fn register_all(
    credentials: Vec<Credential>,
    secrets: &Secrets,
    now: u64,
) -> Result<Vec<StoreRequest>, Failure> {
    let opaque = Opaque::new(secrets.setup.clone());
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(4);
    let share = credentials.len().div_ceil(threads).max(1);
    let work = |part: &[Credential]| -> Option<Vec<StoreRequest>> {
        part.iter().map(|credential| register(&opaque, credential, now)).collect()
    };
    let done: Option<Vec<Vec<StoreRequest>>> = thread::scope(|scope| {
        let workers: Vec<_> =
            credentials.chunks(share).map(|part| scope.spawn(move || work(part))).collect();
        workers.into_iter().map(|worker| worker.join().ok().flatten()).collect()
    });
    let requests = done.ok_or_else(|| Failure::new(NOT_STRETCHED))?;
    Ok(requests.into_iter().flatten().collect())
}

fn register(opaque: &Opaque, credential: &Credential, now: u64) -> Option<StoreRequest> {
    let Credential { name, password, .. } = credential;
    let stretch = Stretch::STANDARD;
    let record = opaque.record(&mut OsRng, name, password.expose(), stretch)?;
    let account = NewAccount { name: name.clone(), record, stretch, identity: None, now };
    Some(StoreRequest::CreateAccount(Box::new(account)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn good_lines_are_imported_and_bad_ones_named() {
        let mut list = tempfile::NamedTempFile::new().unwrap();
        list.write_all(
            b"# class of 26\nyoda jedi*knight\r\n\n  Luke\t pass with blanks \nleia\nobi wan\n\
              b\xffd x\ncon x\nyoda again\n\xd0\xb0lice one\nalice two\n",
        )
        .unwrap();
        let mut store = SqliteStore::open_in_memory().unwrap();
        let secrets = Secrets::generate(&mut OsRng);
        let imported = file(list.path(), &mut store, &secrets, 1).unwrap();
        let bad: Vec<usize> = imported.bad.iter().map(|bad| bad.number).collect();
        assert_eq!(bad, [5, 7, 8, 9, 11]);
        let names: Vec<String> =
            store.accounts().unwrap().iter().map(|row| row.name.to_string()).collect();
        assert_eq!(names, ["luke", "obi", "yoda", "\u{430}lice"]);
        assert_eq!(imported.accounts, 4);
        let again = file(list.path(), &mut store, &secrets, 1).unwrap();
        assert_eq!(again.accounts, 0, "a second import changes nothing");
    }

    #[test]
    fn reasons_never_repeat_the_line() {
        let (_, bad) = parse(b"hunter2\nse/cret hunter2\nname hunt\x07er2");
        assert_eq!(bad.len(), 3);
        assert!(bad.iter().all(|bad| !bad.reason.contains("hunter2")));
    }
}
