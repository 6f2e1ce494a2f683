//! Tiles and their paths (C2SP tlog-tiles).

use proptest::prelude::*;

use crate::merkle::TileFault;
use crate::merkle::TileKind;
use crate::merkle::TilePath;
use crate::merkle::width;

fn parse(text: &str) -> Result<TilePath, TileFault> {
    text.parse()
}

#[test]
fn c2sp_example_index_1234067() {
    let tile = TilePath::new(TileKind::Hashes(0), 1_234_067, 256).unwrap();
    assert_eq!(tile.to_string(), "tile/0/x001/x234/067");
    assert_eq!(parse("tile/0/x001/x234/067"), Ok(tile));
}

#[test]
fn c2sp_example_a_tree_of_70_000() {
    let tiles = |kind| TilePath::all(kind, 70_000).collect::<Vec<_>>();
    let level = tiles(TileKind::Hashes(0));
    assert_eq!(level.len(), 274);
    assert_eq!(level.iter().filter(|tile| tile.is_full()).count(), 273);
    assert_eq!(level[273].to_string(), "tile/0/273.p/112");
    assert_eq!(tiles(TileKind::Entries)[273].to_string(), "tile/entries/273.p/112");
    let level: Vec<_> = tiles(TileKind::Hashes(1)).iter().map(ToString::to_string).collect();
    assert_eq!(level, ["tile/1/000", "tile/1/001.p/17"]);
    let level: Vec<_> = tiles(TileKind::Hashes(2)).iter().map(ToString::to_string).collect();
    assert_eq!(level, ["tile/2/000.p/1"]);
    assert_eq!(tiles(TileKind::Hashes(3)), []);
}

#[test]
fn c2sp_example_a_tree_of_256() {
    let level: Vec<_> = TilePath::all(TileKind::Hashes(0), 256).collect();
    assert_eq!(level, [TilePath::new(TileKind::Hashes(0), 0, 256).unwrap()]);
    let level: Vec<_> = TilePath::all(TileKind::Hashes(1), 256).collect();
    assert_eq!(level, [TilePath::new(TileKind::Hashes(1), 0, 1).unwrap()]);
}

#[test]
fn a_tile_has_one_path() {
    for (text, fault) in [
        ("", TileFault::Shape),
        ("/tile/0/000", TileFault::Shape),
        ("tile/0", TileFault::Shape),
        ("tiles/0/000", TileFault::Shape),
        ("tile/00/000", TileFault::Level),
        ("tile/01/000", TileFault::Level),
        ("tile/64/000", TileFault::Level),
        ("tile/-1/000", TileFault::Level),
        ("tile/+1/000", TileFault::Level),
        ("tile//000", TileFault::Level),
        ("tile/data/000", TileFault::Level),
        ("tile/Entries/000", TileFault::Level),
        ("tile/0/", TileFault::Index),
        ("tile/0/0", TileFault::Index),
        ("tile/0/0000", TileFault::Index),
        ("tile/0/x000", TileFault::Index),
        ("tile/0/x000/001", TileFault::Index),
        ("tile/0/001/001", TileFault::Index),
        ("tile/0/x001/x001", TileFault::Index),
        ("tile/0/X001/001", TileFault::Index),
        ("tile/0/x01/001", TileFault::Index),
        ("tile/0/x+01/001", TileFault::Index),
        ("tile/0/000/", TileFault::Index),
        ("tile/0//000", TileFault::Index),
        ("tile/0/+00", TileFault::Index),
        ("tile/0/０００", TileFault::Index),
        ("tile/0/x999/x999/x999/x999/x999/x999/999", TileFault::Index),
        ("tile/0/x100/x000/x000/x000/x000/000", TileFault::Index),
        ("tile/0/000.p", TileFault::Index),
        ("tile/0/000.p/", TileFault::Width),
        ("tile/0/000.p/0", TileFault::Width),
        ("tile/0/000.p/256", TileFault::Width),
        ("tile/0/000.p/01", TileFault::Width),
        ("tile/0/000.p/+1", TileFault::Width),
        ("tile/0/000.p/1/", TileFault::Width),
        ("tile/0/000.p/1.p/1", TileFault::Width),
        ("tile/0/000.p/65537", TileFault::Width),
        ("tile/0/000.p/1 ", TileFault::Width),
    ] {
        assert_eq!(parse(text), Err(fault), "{text:?}");
    }
    assert!(parse("tile/63/000.p/255").is_ok());
    assert!(parse("tile/entries/x001/000.p/1").is_ok());
}

#[test]
fn a_server_answers_for_what_the_tree_has_and_nothing_else() {
    let tile = |text: &str| parse(text).unwrap();
    for there in ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"] {
        assert!(tile(there).is_of(600), "{there}");
        assert!(tile(there).is_within(600), "{there}");
    }
    for earlier in ["tile/0/002.p/87", "tile/1/000.p/1", "tile/0/000.p/5", "tile/entries/002.p/1"] {
        assert!(!tile(earlier).is_of(600), "{earlier}");
        assert!(tile(earlier).is_within(600), "{earlier}");
    }
    for absent in
        ["tile/0/002", "tile/0/002.p/89", "tile/0/003.p/1", "tile/1/000", "tile/2/000.p/1"]
    {
        assert!(!tile(absent).is_within(600), "{absent}");
        assert!(!tile(absent).is_of(600), "{absent}");
    }
    assert!(!tile("tile/0/000.p/1").is_within(0));
    assert!(!tile("tile/63/000.p/1").is_within(u64::MAX));
}

fn kinds() -> impl Strategy<Value = TileKind> {
    prop_oneof![Just(TileKind::Entries), (0..=63_u8).prop_map(TileKind::Hashes)]
}

proptest! {
    #[test]
    fn what_is_written_is_read(kind in kinds(), index in 0..=u64::MAX >> 8, width in 1..=256_u16) {
        let tile = TilePath::new(kind, index, width).unwrap();
        prop_assert_eq!(parse(&tile.to_string()), Ok(tile));
    }

    #[test]
    fn what_is_read_is_written(text in "tile/(entries|[0-9]{1,2})/(x[0-9]{3}/){0,2}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = parse(&text) {
            prop_assert_eq!(tile.to_string(), text);
        }
    }

    #[test]
    fn every_hash_of_a_tree_is_in_one_tile(size in 1..200_000_u64, level in 0..4_u8) {
        let kind = TileKind::Hashes(level);
        let tiles: Vec<_> = TilePath::all(kind, size).collect();
        let mut next = 0;
        for tile in &tiles {
            prop_assert_eq!(tile.indices().start, next);
            prop_assert!(tile.is_of(size));
            next = tile.indices().end;
        }
        prop_assert_eq!(next, width(level, size));
        for index in [0, next / 2, next.saturating_sub(1)].into_iter().filter(|i| *i < next) {
            let holding = TilePath::holding(kind, index, size).unwrap();
            prop_assert!(tiles.contains(&holding) && holding.indices().contains(&index));
        }
        prop_assert_eq!(TilePath::holding(kind, next, size), None);
    }
}
