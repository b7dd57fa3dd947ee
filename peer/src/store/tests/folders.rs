//! Folders, and the files in them.

use wire::app::peer::Folder;

use super::*;
use crate::store::schema;

fn folder(state: TransferState) -> TransferRecord {
    let folder = Some(Folder::Whole { files: 2000 });
    TransferRecord { share: None, folder, ..transfer(1, state) }
}

fn part(number: u32, state: TransferState) -> TransferRecord {
    let mut id = [7; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let folder = Some(Folder::Part { of: TransferId([1; 16]), path: format!("a/{number}") });
    TransferRecord { id: TransferId(id), share: None, folder, ..transfer(1, state) }
}

fn save(database: &mut Database, record: TransferRecord) {
    done(database, StoreRequest::SaveTransfer(record));
}

#[test]
fn a_folder_comes_back_with_its_files() {
    let mut database = fresh();
    let kept = [
        folder(TransferState::Running),
        part(1, TransferState::Complete),
        part(2, TransferState::Running),
    ];
    for record in kept.clone() {
        save(&mut database, record);
    }
    assert_eq!(load(&mut database, None).transfers, kept);
    let fewer = TransferRecord { folder: Some(Folder::Whole { files: 3 }), ..kept[0].clone() };
    save(&mut database, fewer.clone());
    assert_eq!(load(&mut database, None).transfers[0], fewer);
}

/// Nothing of a folder goes before all of it is over, and then it pushes out nothing else.
#[test]
fn files_of_folders_are_kept_apart() {
    let mut database = fresh();
    let before = TransferRecord { share: None, ..transfer(3, TransferState::Complete) };
    save(&mut database, before.clone());
    save(&mut database, folder(TransferState::Running));
    for number in 0..1100 {
        save(&mut database, part(number, TransferState::Complete));
    }
    let file = |number| TransferRecord { share: None, ..transfer(number, TransferState::Declined) };
    save(&mut database, file(5));
    assert_eq!(load(&mut database, None).transfers.len(), 1103);
    save(&mut database, folder(TransferState::Complete));
    let kept = load(&mut database, None).transfers;
    assert_eq!(kept.len(), 1003);
    assert_eq!(kept[..2], [before, folder(TransferState::Complete)]);
    assert_eq!(kept[2], part(100, TransferState::Complete));
}

#[test]
fn transfers_of_the_schema_before_are_files_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let before = Connection::open(dir.path().join("peer.sqlite")).unwrap();
    schema::STEPS[..11].iter().for_each(|step| before.execute_batch(step).unwrap());
    before
        .execute_batch(
            "PRAGMA application_id = 0x54494e43; PRAGMA user_version = 11;
             INSERT INTO profiles VALUES
                 (1, zeroblob(32), 'alice', randomblob(32), randomblob(32), NULL, NULL);
             INSERT INTO transfers (profile, direction, transfer, peer, name, size, media_type, root,
                 at, state, paused)
                 VALUES (1, 0, zeroblob(16), 'dave', 'x', 1, '', zeroblob(32), 5, 0, 0);",
        )
        .unwrap();
    drop(before);
    let mut database = Database::open(dir.path()).unwrap();
    let id = AccountId { server: PublicKey([0; 32]), name: name("alice") };
    let transfers = load(&mut database, Some(id)).transfers;
    assert_eq!((transfers.len(), &transfers[0].folder), (1, &None));
    assert_eq!((transfers[0].media, transfers[0].rate), (None, 0));
}
