//! Lists of nodes as schedulers compress them: `compute-dy-c5large-[1-4,7],gpu-st-p4d-1`.
//!
//! Never makes a list longer than its caller can hold: what is asked is whether a name is in it.

/// No cluster numbers its nodes in more dimensions.
const MOST_BRACKETS: usize = 8;
/// No number of a node has more digits.
const MOST_DIGITS: usize = 20;

/// Whether the list holds this node.
pub fn holds(list: &str, name: &str) -> bool {
    items(list).any(|item| matches(item.as_bytes(), name.as_bytes()))
}

/// At most `most` names of the list, in its order. What is no such list comes back as it is.
pub fn names(list: &str, most: usize) -> Vec<String> {
    let mut out = Vec::new();
    for item in items(list) {
        if item.matches('[').count() <= MOST_BRACKETS {
            spell(String::new(), item, most, &mut out);
        } else if out.len() < most {
            out.push(item.to_owned());
        }
    }
    out
}

/// The parts between commas that stand in no brackets.
fn items(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    list.split(move |c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .filter(|item| !item.is_empty())
}

fn matches(item: &[u8], name: &[u8]) -> bool {
    let Some(at) = item.iter().position(|b| *b == b'[') else { return item == name };
    let Some(end) = item.iter().position(|b| *b == b']').filter(|end| *end > at) else { return item == name };
    let (Some(rest), after) = (name.strip_prefix(&item[..at]), &item[end + 1..]) else { return false };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    // The digits of a name may reach into what follows the brackets.
    (1..=digits).any(|n| within(&item[at + 1..end], &rest[..n]) && matches(after, &rest[n..]))
}

/// Whether a number stands in `1-4,7` or, with leading zeros, in `001-010`.
fn within(ranges: &[u8], number: &[u8]) -> bool {
    let value = |digits: &[u8]| std::str::from_utf8(digits).ok().and_then(|d| d.parse::<u64>().ok());
    let Some(wanted) = value(number) else { return false };
    ranges.split(|b| *b == b',').any(|range| {
        let mut ends = range.splitn(2, |b| *b == b'-');
        let first = ends.next().unwrap_or(range);
        let last = ends.next().unwrap_or(first);
        let padded = first.len() > 1 && first[0] == b'0';
        let fits = if padded { number.len() == first.len() } else { number.len() == 1 || number[0] != b'0' };
        fits && value(first).zip(value(last)).is_some_and(|(a, b)| (a..=b).contains(&wanted))
    })
}

fn spell(front: String, rest: &str, most: usize, out: &mut Vec<String>) {
    let brackets = rest.find('[').and_then(|at| Some((at, at + rest[at..].find(']')?)));
    let Some((at, end)) = brackets else {
        if out.len() < most {
            out.push(front + rest);
        }
        return;
    };
    for range in rest[at + 1..end].split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Ok(a), Ok(b)) = (first.parse::<u64>(), last.parse::<u64>()) else { continue };
        if first.len() > MOST_DIGITS {
            continue;
        }
        for n in a..=b {
            let before = out.len();
            if before >= most {
                return;
            }
            spell(format!("{front}{}{n:0wide$}", &rest[..at], wide = first.len()), &rest[end + 1..], most, out);
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
    fn a_compressed_list_holds_what_it_stands_for() {
        let list = "compute-dy-c5large-[1-4,7],gpu-st-p4d-1,rack[1-2]-n[08-11]";
        for name in ["compute-dy-c5large-1", "compute-dy-c5large-7", "gpu-st-p4d-1", "rack2-n08", "rack1-n11"] {
            assert!(holds(list, name), "{name}");
            assert!(names(list, 100).iter().any(|n| n == name), "{name}");
        }
        for name in
            ["compute-dy-c5large-5", "compute-dy-c5large-10", "gpu-st-p4d-2", "gpu-st-p4d-11", "rack2-n8", "rack3-n08", "", "rack1-n12"]
        {
            assert!(!holds(list, name), "{name}");
            assert!(!names(list, 100).iter().any(|n| n == name), "{name}");
        }
        assert_eq!(names(list, 100).len(), 14);
        assert_eq!(names("n-[1-4000000000]", 3), ["n-1", "n-2", "n-3"]);
        assert!(!holds("", ""));
    }

    #[test]
    fn a_list_that_names_nothing_takes_no_time() {
        assert_eq!(names("n[0-18446744073709551615][x]", 3), [""; 0]);
        let zeros = format!("n[{}1]", "0".repeat(70_000));
        assert_eq!(names(&zeros, 3), [""; 0]);
        let deep = "[1]".repeat(30_000);
        assert_eq!(names(&deep, 3), [deep.as_str()]);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(list in "[a-c0-9,\\[\\]-]{0,40}", name in "[a-c0-9-]{0,12}") {
            let named = names(&list, 50);
            prop_assert!(named.len() <= 50);
            holds(&list, &name);
        }
    }
}
