//! No two top-level modules of a crate need each other.
//!
//! Of modules in a circle none can be understood, tested or moved alone. `deny.toml` holds the arrows between crates,
//! this test those inside them.

use crate::source::{Uses, uses};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The groups of modules that can all be reached from each other.
fn circles(uses: &Uses) -> BTreeSet<Vec<&str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = uses.keys().map(|module| (&**module, reach(uses, module))).collect();
    let group =
        |module: &&str| reached[module].iter().filter(|other| reached[*other].contains(module)).copied().collect();
    reached.keys().map(group).filter(|group: &Vec<&str>| !group.is_empty()).collect()
}

/// The modules that one leads to, in any number of steps.
fn reach<'u>(uses: &'u Uses, module: &'u str) -> BTreeSet<&'u str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = vec![module];
    while let Some(module) = open.pop() {
        open.extend(uses[module].iter().map(String::as_str).filter(|next| reached.insert(*next)));
    }
    reached
}

#[test]
fn there_are_no_circles() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut wrong = Vec::new();
    for path in std::fs::read_dir(crates).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let uses = uses(&path.join("src"));
        for circle in circles(&uses) {
            let arrows = circle.iter().flat_map(|from| uses[*from].iter().map(move |to| (*from, to.as_str())));
            let arrows: Vec<String> =
                arrows.filter(|(_, to)| circle.contains(to)).map(|(from, to)| format!("{from} → {to}")).collect();
            wrong
                .push(format!("{name}: {circle:?} is a circle: {}. Put what both need below both.", arrows.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_circle_is_found_with_all_that_is_in_it_and_nothing_else() {
    let uses = |arrows: &[(&str, &[&str])]| -> Uses {
        arrows.iter().map(|(from, to)| ((*from).to_owned(), to.iter().map(|to| (*to).to_owned()).collect())).collect()
    };
    assert!(circles(&uses(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])).is_empty());
    let uses = uses(&[("a", &["b"]), ("b", &["c"]), ("c", &["b", "d"]), ("d", &["e"]), ("e", &["f"]), ("f", &["d"])]);
    assert_eq!(circles(&uses), [vec!["b", "c"], vec!["d", "e", "f"]].into());
}
