//! Which file of the product takes names from which other: read from the text of its `use`
//! declarations, through the files that only pass names on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A module by its path below `crate`: `["model", "findings", "left"]`.
pub(super) type Module = Vec<String>;

/// The files by their modules, each with the names that it takes.
pub(super) struct Imports {
    files: BTreeMap<Module, Vec<Module>>,
    /// What each module passes on: the name, and where it has it from.
    passed_on: BTreeMap<Module, BTreeMap<String, Module>>,
}

impl Imports {
    /// Reads the code of every file, tests left out.
    pub(super) fn read() -> Self {
        let mut imports = Self { files: BTreeMap::new(), passed_on: BTreeMap::new() };
        super::every_file(|_, path, code| {
            let module = module_of(Path::new(path));
            let mut taken = Vec::new();
            let mut passed = BTreeMap::new();
            for (public, tree) in declarations(code) {
                for name in leaves(&tree) {
                    let Some(target) = absolute(&module, &name) else { continue };
                    if public {
                        let own = target.last().cloned().unwrap_or_default();
                        passed.insert(own, target);
                    } else {
                        taken.push(target);
                    }
                }
            }
            imports.files.insert(module.clone(), taken);
            imports.passed_on.insert(module, passed);
        });
        imports
    }

    /// The file in which a name is defined, if it is one of ours.
    fn home(&self, name: &[String], depth: u8) -> Option<Module> {
        let longest = (1..=name.len()).rev().find(|n| self.files.contains_key(&name[..*n]))?;
        let module = name[..longest].to_vec();
        let next = name.get(longest).and_then(|item| self.passed_on.get(&module)?.get(item));
        match next {
            Some(target) if depth > 0 => self.home(target, depth - 1).or(Some(module)),
            _ => Some(module),
        }
    }

    /// Who takes names from whom.
    fn arrows(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let targets = |from: &Module, names: &[Module]| -> BTreeSet<Module> {
            let homes = names.iter().filter_map(|name| self.home(name, 8));
            // What stands below a module is a part of it.
            homes.filter(|home| !from.starts_with(home)).collect()
        };
        self.files.iter().map(|(from, names)| (from, targets(from, names))).collect()
    }

    /// The sets of files of one room in which each takes names from the others, round about.
    pub(super) fn circles(&self) -> Vec<Vec<String>> {
        let arrows = self.arrows();
        let reach = |from: &Module| {
            let mut seen = BTreeSet::new();
            let mut open = vec![from.clone()];
            while let Some(module) = open.pop() {
                for next in arrows.get(&module).into_iter().flatten() {
                    if next[0] == from[0] && seen.insert(next.clone()) {
                        open.push(next.clone());
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<_, _> = self.files.keys().map(|from| (from, reach(from))).collect();
        let mut circles = BTreeSet::new();
        for (from, ends) in &reached {
            let both = ends.iter().filter(|end| reached[*end].contains(*from));
            let circle: Vec<_> = both.map(|module| module.join("/")).collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }
}

fn module_of(path: &Path) -> Module {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = path.strip_prefix(src).unwrap().with_extension("");
    inside.components().map(|part| part.as_os_str().to_str().unwrap().to_owned()).collect()
}

/// The `use` declarations, and whether each passes its names on.
fn declarations(code: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let before = rest[..at].rsplit('\n').next().unwrap_or_default().trim();
        let visible =
            before.starts_with("pub") && before.len() <= "pub(in crate::engine::tap)".len();
        let is_declaration = before.is_empty() || visible;
        let end = rest[at..].find(';').map_or(rest.len(), |end| at + end);
        if is_declaration {
            found.push((visible, rest[at + 4..end].split_whitespace().collect()));
        }
        rest = &rest[(at + 4).min(rest.len())..];
    }
    found
}

/// The names at the ends of a tree: `a::{b, c::d}` has `a::b` and `a::c::d`.
fn leaves(tree: &str) -> Vec<String> {
    let Some((stem, inside)) = tree.split_once('{') else {
        return vec![tree.trim_end_matches("::self").to_owned()];
    };
    let inside = inside.strip_suffix('}').unwrap_or(inside);
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inside[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[from..]);
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.flat_map(|part| leaves(&format!("{stem}{part}"))).collect()
}

/// A name as a path below `crate`; `None` if it is another crate's.
fn absolute(module: &[String], name: &str) -> Option<Module> {
    let mut parts = name.split("::");
    let mut base: Module = match parts.next()? {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module[..module.len() - 1].to_vec(),
        // A child of this module, as it may be written since the 2018 edition.
        first => module.iter().cloned().chain([first.to_owned()]).collect(),
    };
    for part in parts {
        if part == "super" {
            base.pop();
        } else {
            base.push(part.to_owned());
        }
    }
    Some(base)
}
