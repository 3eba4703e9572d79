//! Lists as batch systems write them: tasks as `3,5,7-9`, nodes as `compute-dy-c5large-[1-3,7]`.
//!
//! Nothing here grows past what its caller allows, whatever a list claims.

/// No cluster numbers its nodes in more dimensions, or with more digits.
const MOST_BRACKETS: usize = 8;
const MOST_DIGITS: usize = 20;
/// More tasks than this are not looked at one by one.
const MOST: usize = 100_000;

/// Numbers as a list without gaps written out: `3,5,7-9`. They need no order and may repeat.
pub fn compact(numbers: &[u32]) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for n in sorted {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == n => *end = n,
            _ => runs.push((n, n)),
        }
    }
    let words = runs.into_iter().map(|(from, to)| match to - from {
        0 => from.to_string(),
        1 => format!("{from},{to}"),
        _ => format!("{from}-{to}"),
    });
    words.collect::<Vec<_>>().join(",")
}

/// The numbers of a list such as `3,5,7-9,10-20:5%2`, and its limit of tasks at a time. `None` where it is no such list.
pub fn numbers(list: &str) -> Option<(Vec<u32>, Option<u32>)> {
    let (list, limit) = match list.split_once('%') {
        Some((list, limit)) => (list, Some(limit.trim().parse().ok()?)),
        None => (list, None),
    };
    let mut all = Vec::new();
    for part in list.split(',') {
        let (range, step) = match part.split_once(':') {
            Some((range, step)) => (range, step.trim().parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let (from, to) = (from.trim().parse::<u32>().ok()?, to.trim().parse::<u32>().ok()?);
        all.extend((from..=to).step_by(step).take(MOST.saturating_sub(all.len())));
    }
    all.sort_unstable();
    all.dedup();
    Some((all, limit))
}

/// The names in a compressed list of nodes, at most `most` of them. What is no such list comes back as it is.
pub fn hosts(list: &str, most: usize) -> Vec<String> {
    let mut out = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (i, c) in list.char_indices().chain([(list.len(), ',')]) {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let item = &list[start..i];
                if item.matches('[').count() <= MOST_BRACKETS {
                    unfold(item, most, &mut out);
                } else if out.len() < most {
                    out.push(item.to_owned());
                }
                start = i + 1;
            }
            _ => {}
        }
    }
    out
}

fn unfold(name: &str, most: usize, out: &mut Vec<String>) {
    let bracket = name.find('[').and_then(|open| Some((open, open + name[open..].find(']')?)));
    let Some((open, close)) = bracket else {
        if !name.is_empty() && out.len() < most {
            out.push(name.to_owned());
        }
        return;
    };
    for part in name[open + 1..close].split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (Ok(first), Ok(last)) = (from.parse::<u32>(), to.parse::<u32>()) else { continue };
        let width = from.len();
        if width > MOST_DIGITS {
            continue;
        }
        for n in first..=last {
            let before = out.len();
            if before >= most {
                return;
            }
            unfold(&format!("{}{n:0width$}{}", &name[..open], &name[close + 1..]), most, out);
            // What follows names nothing, and would not for any other number either.
            if out.len() == before {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_is_as_short_as_it_can_be() {
        assert_eq!(compact(&[9, 3, 5, 8, 7, 3]), "3,5,7-9");
        assert_eq!(compact(&[1, 2]), "1,2");
        assert_eq!(compact(&[]), "");
        assert_eq!(numbers("0-6:2,10%4"), Some((vec![0, 2, 4, 6, 10], Some(4))));
        assert_eq!(numbers("1-x"), None);
        assert_eq!(numbers("0-4000000000").map(|(all, _)| all.len()), Some(MOST));
    }

    #[test]
    fn nodes_are_named_one_by_one() {
        assert_eq!(hosts("a-[1-2,09-10],b,c[1]-x[2-3]", 99), ["a-1", "a-2", "a-09", "a-10", "b", "c1-x2", "c1-x3"]);
        assert_eq!(hosts("a-[1-4000000000]", 3).len(), 3);
        assert_eq!(hosts("", 3), Vec::<String>::new());
        // A list that names nothing takes no time, however much it claims.
        assert_eq!(hosts("n[0-4294967295][x]", 3), [""; 0]);
        assert_eq!(hosts(&format!("n[{}1]", "0".repeat(70_000)), 3), [""; 0]);
        let deep = "[1]".repeat(30_000);
        assert_eq!(hosts(&deep, 3), [deep.as_str()]);
    }

    proptest! {
        #[test]
        fn what_is_compacted_can_be_read_again(all in proptest::collection::btree_set(0..500_u32, 1..60)) {
            let all: Vec<u32> = all.into_iter().collect();
            prop_assert_eq!(numbers(&compact(&all)), Some((all, None)));
        }

        #[test]
        fn any_text_is_survived(text in "[a-z0-9,\\[\\]:%-]{0,40}|.{0,30}") {
            let _ = (numbers(&text), hosts(&text, 50));
        }
    }
}
