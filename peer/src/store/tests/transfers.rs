//! Transfers of files that grow.

use super::*;

/// What was under way before files could grow does not.
#[test]
fn a_transfer_that_was_there_before_does_not_grow() {
    let dir = tempfile::tempdir().unwrap();
    let before = Connection::open(dir.path().join("peer.sqlite")).unwrap();
    schema::STEPS[..11].iter().for_each(|step| before.execute_batch(step).unwrap());
    before
        .execute_batch(
            "PRAGMA application_id = 0x54494e43; PRAGMA user_version = 11;
             INSERT INTO profiles VALUES
                 (1, zeroblob(32), 'alice', randomblob(32), randomblob(32), NULL, NULL);
             INSERT INTO transfers (profile, direction, transfer, peer, name, size, media_type, root,
                 at, state, paused) VALUES (1, 1, zeroblob(16), 'bob', 'x', 7, '', zeroblob(32), 5, 1, 0);",
        )
        .unwrap();
    drop(before);
    let mut database = Database::open(dir.path()).unwrap();
    let id = AccountId { server: PublicKey([0; 32]), name: name("alice") };
    let transfers = load(&mut database, Some(id.clone())).transfers;
    assert_eq!((transfers.len(), transfers[0].size, transfers[0].growing), (1, 7, false));
    // One that grows is the same one when it has ended.
    let grows = TransferRecord { growing: true, size: 0, root: [0; 32], ..transfers[0].clone() };
    for record in [grows, transfers[0].clone()] {
        done(&mut database, StoreRequest::SaveTransfer(record.clone()));
        assert_eq!(load(&mut database, Some(id.clone())).transfers, [record]);
    }
}
