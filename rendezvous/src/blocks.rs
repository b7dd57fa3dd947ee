//! Who hides from whom, among those who are online. What is here is a copy of the store's lists.

use std::collections::{BTreeMap, BTreeSet};

use wire::app::name::Name;

/// The block lists of the users who are online.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    lists: BTreeMap<Name, BTreeSet<Name>>,
}

impl Blocks {
    /// A user came online with this list.
    pub(crate) fn load(&mut self, name: &Name, list: Vec<Name>) {
        self.lists.insert(name.clone(), list.into_iter().collect());
    }

    /// A user is gone.
    pub(crate) fn forget(&mut self, name: &Name) {
        self.lists.remove(name);
    }

    /// Notes what the store has done.
    pub(crate) fn block(&mut self, by: &Name, target: &Name) {
        if let Some(list) = self.lists.get_mut(by) {
            list.insert(target.clone());
        }
    }

    /// Notes what the store has done.
    pub(crate) fn unblock(&mut self, by: &Name, target: &Name) {
        if let Some(list) = self.lists.get_mut(by) {
            list.remove(target);
        }
    }

    /// Whether either of two users blocks the other: then neither sees the other.
    pub(crate) fn hidden(&self, a: &Name, b: &Name) -> bool {
        self.blocks(a, b) || self.blocks(b, a)
    }

    /// Whom a user blocks, sorted.
    pub(crate) fn list(&self, name: &Name) -> Vec<Name> {
        self.lists.get(name).map(|list| list.iter().cloned().collect()).unwrap_or_default()
    }

    fn blocks(&self, by: &Name, target: &Name) -> bool {
        self.lists.get(by).is_some_and(|list| list.contains(target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_hides_both_ways() {
        let [alice, bob] = ["alice", "bob"].map(|name| Name::new(name).unwrap());
        let mut blocks = Blocks::default();
        blocks.load(&alice, vec![]);
        blocks.load(&bob, vec![]);
        assert!(!blocks.hidden(&alice, &bob));
        blocks.block(&alice, &bob);
        assert!(blocks.hidden(&alice, &bob) && blocks.hidden(&bob, &alice));
        assert_eq!(blocks.list(&alice), std::slice::from_ref(&bob));
        assert!(blocks.list(&bob).is_empty());
        blocks.unblock(&alice, &bob);
        assert!(!blocks.hidden(&bob, &alice));
        blocks.load(&bob, vec![alice.clone()]);
        assert!(blocks.hidden(&alice, &bob));
        blocks.forget(&bob);
        assert!(!blocks.hidden(&alice, &bob), "lists of the absent are the store's business");
    }
}
