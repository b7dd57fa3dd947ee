//! `peer account`: an account file is written or read, without a session and without a server.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use wire::Secret;
use wire::app::login::{Stretch, password};

use super::cli::{AccountFile, Options};
use super::start::{Failure, failure, seed, start_log};
use super::{complain_of, folders, typing};
use crate::backup::{Backup, BackupError, BackupJob, BackupReply};
use crate::command::{Command, Need};
use crate::face::exit::Exit;
use crate::face::json;
use crate::login::new_password;
use crate::output::Output;
use crate::store::Database;
use crate::work::{Installation, Profile, StoreReply, StoreRequest};

/// Does it, and says so on standard output.
pub(super) fn run(options: &Options, task: AccountFile) -> Result<Exit, Failure> {
    start_log(options)?;
    let data = folders::data(options.data.clone()).map_err(failure)?;
    let text = match task {
        AccountFile::Export { file, passphrase_file } => {
            let typed = passphrase(passphrase_file.as_ref(), Need::Export(file.clone()))?;
            export(&data, file, &typed)?
        }
        AccountFile::Delete { .. } => unreachable!("it needs a session"),
        AccountFile::Import { file, passphrase_file } => {
            let need = Need::Import(Some(file.clone()));
            let typed = passphrase(passphrase_file.as_ref(), need)?;
            import(options, &data, file, &typed)?
        }
    };
    let line = if options.json { json::line(&Output::Info { text }) } else { text };
    writeln!(io::stdout(), "{line}").map_err(failure)?;
    Ok(Exit::Done)
}

/// From the file, or from somebody at a terminal.
fn passphrase(file: Option<&PathBuf>, need: Need) -> Result<Secret<String>, Failure> {
    if let Some(file) = file {
        let read = typing::password_of(file);
        return read.map_err(|error| (Exit::LoginFailed, error));
    }
    if !typing::is_person() {
        let text = "a passphrase is needed: give --passphrase-file";
        return Err((Exit::Usage, text.to_owned()));
    }
    match typing::ask_secrets(need) {
        Some(
            Command::ExportAccount { passphrase, .. } | Command::ImportAccount { passphrase, .. },
        ) => Ok(passphrase),
        _ => Err((Exit::Interrupted, "no passphrase was typed".to_owned())),
    }
}

fn export(data: &Path, path: PathBuf, typed: &Secret<String>) -> Result<String, Failure> {
    let passphrase = new_password(typed).map_err(|why| (Exit::LoginFailed, why))?;
    let mut database = Database::open(data).map_err(failure)?;
    let profile = load(&mut database)?;
    let Some(account) = profile.account else {
        return Err((Exit::LoginFailed, "no account is logged in here".to_owned()));
    };
    let known = profile.servers.iter().filter(|server| server.key == account.server);
    let last = folders::last_server(data);
    let is_last = |address: &&str| Some(*address) == last.as_deref();
    let addresses: Vec<&str> = known.map(|server| server.address.as_str()).collect();
    let address = addresses.iter().copied().find(is_last).or(addresses.first().copied());
    let backup = Backup::of(&account, address.unwrap_or_default(), profile.contacts.iter());
    let (backup, seed) = (Box::new(backup), seed()?);
    let stretch = Stretch::STANDARD;
    work(BackupJob::Write { path, backup, passphrase, stretch, seed })?;
    Ok(format!("exported {}", account.name))
}

fn import(
    options: &Options,
    data: &Path,
    path: PathBuf,
    typed: &Secret<String>,
) -> Result<String, Failure> {
    let passphrase = password(typed).map_err(|why| (Exit::LoginFailed, why.to_string()))?;
    let mut database = Database::open(data).map_err(failure)?;
    let BackupReply::Read(backup) = work(BackupJob::Read { path, passphrase })? else {
        return Err(failure("the file was not read"));
    };
    let (name, address) = (backup.name.clone(), backup.address.clone());
    let installation = Installation::draw(&mut seed()?.rng());
    let request = StoreRequest::Import { backup, installation };
    let answer = database.run(vec![request]).remove(0).map_err(failure)?;
    let StoreReply::Imported(imported) = answer else {
        return Err(failure("the database gave another answer"));
    };
    for note in imported.notes(&address) {
        complain_of(&format!("peer: {note}"));
    }
    if options.server.is_none() && folders::last_server(data).is_none() {
        folders::keep_server(data, &address);
    }
    Ok(format!("imported {name}"))
}

fn load(database: &mut Database) -> Result<Profile, Failure> {
    let answer = database.run(vec![StoreRequest::Load(None)]).remove(0).map_err(failure)?;
    let StoreReply::Loaded(profile) = answer else {
        return Err(failure("the database gave another answer"));
    };
    Ok(*profile)
}

fn work(job: BackupJob) -> Result<BackupReply, Failure> {
    job.run().map_err(|error| {
        let exit = if error == BackupError::Passphrase { Exit::LoginFailed } else { Exit::Failure };
        (exit, error.to_string())
    })
}
