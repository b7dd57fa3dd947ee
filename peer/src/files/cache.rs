//! Open files of transfers: as many as are used, up to a bound.

use std::collections::BTreeMap;
use std::sync::Arc;

use wire::app::peer::TransferId;

/// Most transfers of one direction whose files are open at once. Each takes two descriptors.
const MAX_OPEN: usize = 64;

/// Keeps the `MAX_OPEN` entries that were used last.
pub(super) struct Cache<T> {
    entries: BTreeMap<TransferId, (u64, Arc<T>)>,
    uses: u64,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), uses: 0 }
    }
}

impl<T> Cache<T> {
    pub(super) fn get(&mut self, id: TransferId) -> Option<Arc<T>> {
        self.uses += 1;
        let (used, entry) = self.entries.get_mut(&id)?;
        *used = self.uses;
        Some(Arc::clone(entry))
    }

    pub(super) fn insert(&mut self, id: TransferId, entry: Arc<T>) {
        self.uses += 1;
        self.entries.insert(id, (self.uses, entry));
        if self.entries.len() > MAX_OPEN {
            let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(id) = oldest.map(|(id, _)| *id) {
                self.entries.remove(&id);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn remove(&mut self, id: TransferId) {
        self.entries.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_stays() {
        let mut cache = Cache::default();
        let id = |byte| TransferId([byte; 16]);
        for byte in 0..64 {
            cache.insert(id(byte), Arc::new(byte));
        }
        assert!(cache.get(id(0)).is_some());
        cache.insert(id(64), Arc::new(64));
        assert!(cache.get(id(1)).is_none());
        assert_eq!(cache.get(id(0)).as_deref(), Some(&0));
        cache.remove(id(0));
        assert!(cache.get(id(0)).is_none());
    }
}
