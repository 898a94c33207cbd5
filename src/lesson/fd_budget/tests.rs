use super::*;
use crate::lesson::{catalog, parse};

/// A case with these actors and these steps, `; ` between their keys.
fn case(actors: &str, steps: &[&str]) -> Case {
    let head = "format = 1\nid = \"x\"\ntitle = \"t\"\nabout = \"a\"\nlevel = \"core\"\n[actors]\n";
    let steps = steps.iter().map(|step| format!("\n[[steps]]\n{}\n", step.replace("; ", "\n")));
    let text = format!("{head}{actors}{}", steps.collect::<String>());
    parse("x", &text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn most(actors: &str, steps: &[&str]) -> usize {
    count(&case(actors, steps)).most
}

#[test]
fn what_is_open_at_a_time_is_counted() {
    let p = "p = { kind = \"pipe\" }\nq = { kind = \"pair\", count = 3 }";
    assert_eq!(most(p, &["do = \"note\""]), 8);
    let dup = "do = \"dup\"; fd = \"p.r\"; as = \"d\"";
    let close = "do = \"close\"; fd = \"p.w\"";
    assert_eq!(most(p, &[dup]), 9);
    assert_eq!(most(p, &[close, dup]), 8);
    assert_eq!(most(p, &["do = \"close\"; fd = \"p.r\"", "do = \"note\""]), 8);
    let new = "do = \"new\"; name = \"n\"; kind = \"eventfd\"; count = 100";
    assert_eq!(most(p, &[new, close]), 108);
    let rounds = |body: &str| format!("do = \"repeat\"; times = 50; steps = [{body}]");
    let dups = "{ do = \"dup\", fd = \"p.r\", as = \"d#\" }";
    assert_eq!(most(p, &[&rounds(dups)]), 58);
    let closes = format!("{dups}, {{ do = \"close\", fd = \"d#\" }}");
    assert_eq!(most(p, &[&rounds(&closes)]), 9);
}

#[test]
fn what_fails_makes_nothing() {
    let tcp = "L = { kind = \"listener\" }\nc = { kind = \"client\", count = 2 }\n";
    let connect = "do = \"connect\"; fd = \"c1\"; to = \"L\"";
    let accepts = "do = \"repeat\"; times = 10; until = { ret = \"EAGAIN\" }; \
                   steps = [{ do = \"accept\", fd = \"L\", as = \"s#\" }]";
    assert_eq!(most(tcp, &[connect, accepts]), 4);
    let limit = "do = \"limit\"; free = 3";
    let new = "do = \"new\"; name = \"n\"; kind = \"pipe\"; count = 9\n\
               [steps.expect]\nret = \"EMFILE\"";
    assert_eq!(most(tcp, &[limit, new]), 5);
    let fails = "do = \"accept\"; fd = \"L\"; as = \"s\"\n[steps.expect]\nret = \"EMFILE\"";
    assert_eq!(most(tcp, &[connect, fails]), 3);
    let anew = "do = \"new\"; name = \"n\"; kind = \"pipe\"; count = 9";
    assert_eq!(most(tcp, &[limit, "do = \"limit\"; free = \"all\"", anew]), 21);
}

#[test]
fn what_the_tool_needs_is_counted() {
    let e = "e = { kind = \"epoll\", count = 5 }\nq = { kind = \"pair\" }";
    let wait = "do = \"wait\"; ep = \"e1\"; thread = \"A\"";
    let dup = "do = \"dup\"; fd = \"e1\"; as = \"d\"";
    let close = "do = \"close\"; fd = \"e1\"";
    let new = "do = \"new\"; name = \"f\"; kind = \"epoll\"";
    let kept = |steps: &[&str]| count(&case(e, steps)).kept;
    let all = Kept { threads: 1, epolls: 6, held: 0, sockets: 2 };
    assert_eq!(kept(&[wait, dup, close, new]), all);
    assert_eq!(kept(&[wait, close, new]), Kept { epolls: 5, ..all });
}

#[test]
fn what_does_not_fit_is_named_with_its_bound() {
    let said = |actors: &str, steps: &[&str], hard| fits_into(&case(actors, steps), hard);
    let note = "do = \"note\"";
    let v = "v = { kind = \"eventfd\", count = 800 }";
    assert_eq!(said(v, &[note], 4096), Ok(()));
    let words =
        "it has 800 descriptors open at a time, a case may have 765 (RLIMIT_NOFILE is 1024)";
    assert_eq!(said(v, &[note], 1024), Err(words.to_owned()));
    let dups = "do = \"repeat\"; times = 1024; steps = [\
                { do = \"dup\", fd = \"v\", as = \"a#\" }, { do = \"dup\", fd = \"v\", as = \"b#\" }, \
                { do = \"dup\", fd = \"v\", as = \"c#\" }, { do = \"dup\", fd = \"v\", as = \"d#\" }]";
    let words = "it has 4097 descriptors open at a time, a case may have 3581";
    assert_eq!(said("v = { kind = \"eventfd\" }", &[dups], 1 << 20), Err(words.to_owned()));
    let e = "e = { kind = \"epoll\", count = 64 }\nf = { kind = \"epoll\", count = 64 }\n\
             g = { kind = \"epoll\", count = 64 }\nh = { kind = \"epoll\", count = 64 }";
    assert_eq!(said(e, &[note], 4096), Ok(()));
    let one_more = "do = \"new\"; name = \"i\"; kind = \"epoll\"";
    let words = "it has 257 epoll instances open at a time, a case may have 256";
    assert_eq!(said(e, &[one_more], 4096), Err(words.to_owned()));
    let words = "the tool needs 261 descriptors of its own for it and may have 256 \
                 (RLIMIT_NOFILE is 1024)";
    assert_eq!(said(e, &[note], 1024), Err(words.to_owned()));
}

#[test]
fn every_case_of_the_program_fits_where_most_systems_have_their_limit() {
    for file in catalog::files() {
        let case = file.parse().unwrap_or_else(|errors| panic!("{errors}"));
        // They are about large numbers, and many descriptors.
        let large = ["fd-1100", "place-in-the-array", "what-select-copies"];
        let hard = if large.contains(&case.id.as_str()) { 4096 } else { 1024 };
        assert_eq!(fits_into(&case, hard), Ok(()), "{}", file.name);
    }
}

#[test]
fn teachers_are_told_the_bounds() {
    let readme = include_str!("../../../assets/lessons/README.md");
    let bound = format!("; {}; {MAX_EPOLLS}, all fewer where", reserved::room(u64::MAX));
    assert!(readme.contains(&bound), "{bound}");
}
