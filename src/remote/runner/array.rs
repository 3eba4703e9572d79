//! Array specifications: `0-9`, `1,3,5`, `1-9:2`, each with `%limit`.

/// More tasks than this are a mistake on one machine.
const MOST: usize = 10_000;

/// The tasks of a specification, in its order.
pub(super) fn tasks(spec: &str) -> Result<Vec<u32>, String> {
    let wrong = || format!("the array {spec} cannot be read");
    let list = spec.split('%').next().unwrap_or(spec);
    let mut tasks = Vec::new();
    for part in list.split(',') {
        let (range, step) = part.split_once(':').unwrap_or((part, "1"));
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        let (from, to, step) = (number(from)?, number(to)?, number(step)?);
        if step == 0 || to < from {
            return Err(wrong());
        }
        if tasks.len() + usize::try_from((to - from) / step).unwrap_or(MOST) >= MOST {
            return Err(format!("the array {spec} has more than {MOST} tasks"));
        }
        tasks.extend((from..=to).step_by(usize::try_from(step).unwrap_or(1)));
    }
    Ok(tasks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_are_read_as_sbatch_reads_them() {
        assert_eq!(tasks("0-3%2").unwrap(), [0, 1, 2, 3]);
        assert_eq!(tasks("1-9:4,20").unwrap(), [1, 5, 9, 20]);
        for wrong in ["", "a", "3-1", "1-2:0", "0-4000000000"] {
            assert!(tasks(wrong).is_err(), "{wrong}");
        }
    }
}
