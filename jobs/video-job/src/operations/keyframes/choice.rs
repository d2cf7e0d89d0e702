//! Which of the key frames become pictures.

/// Of key frames at these times, those at or before the moments 0, step, 2·step, … of the duration.
pub(super) fn choose(times: &[f64], step: Option<f64>, duration: Option<f64>) -> Vec<usize> {
    let Some(step) = step else { return (0..times.len()).collect() };
    let next = |at: usize| times.get(at + 1).copied().or(duration).unwrap_or(times[at] + 0.001);
    let from = |at: usize| if at == 0 { 0.0 } else { times[at] };
    (0..times.len()).filter(|at| (*at == 0 && next(0) > 0.0) || holds_moment(from(*at), next(*at), step)).collect()
}

/// Whether a multiple of `step` lies in `from..until`.
pub(super) fn holds_moment(from: f64, until: f64, step: f64) -> bool {
    // A frame that is a millionth late is not late.
    ((from - 1e-6) / step).ceil() * step < until - 1e-6
}

/// Leaves `limit` of them, the first among them, at equal distances.
pub(super) fn thin_out(chosen: &mut Vec<usize>, limit: usize) {
    let count = chosen.len();
    *chosen = (0..limit).map(|number| chosen[number * count / limit]).collect();
}

/// Keeps a count within its limit where nobody knows how many will come: from half of the limit on, frames are taken only
/// as densely as the rest of the duration allows, if it looks as if there were too many.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    duration: Option<f64>,
    taken: usize,
    left_out: usize,
    /// The time of the frame that was taken last.
    last: f64,
    ended_at: Option<f64>,
}

impl Budget {
    pub(super) fn new(limit: u32, duration: Option<f64>) -> Self {
        Self { limit: limit as usize, duration, taken: 0, left_out: 0, last: 0.0, ended_at: None }
    }

    /// Whether to take the frame at this time, which counts it.
    pub(super) fn takes(&mut self, time: f64) -> bool {
        if self.taken >= self.limit {
            match self.left_out {
                0 => drop(self.ended_at.get_or_insert(time)),
                _ => self.left_out += 1,
            }
            return false;
        }
        if self.taken * 2 >= self.limit
            && let Some(duration) = self.duration.filter(|duration| *duration > time && time > 0.0)
        {
            let expected = (self.taken + self.left_out) as f64 * duration / time;
            let spacing = (duration - time) / (self.limit - self.taken) as f64;
            if expected > self.limit as f64 && time < self.last + spacing {
                self.left_out += 1;
                return false;
            }
        }
        self.taken += 1;
        self.last = time;
        true
    }

    /// Whether a frame was refused because the limit is reached: no other will be taken.
    pub(super) fn is_spent(&self) -> bool {
        self.ended_at.is_some()
    }

    /// What was left out, in words.
    pub(super) fn warning(&self) -> Option<String> {
        let limit = self.limit;
        match (self.ended_at, self.left_out) {
            (Some(time), _) => {
                Some(format!("frames from {time:.3} s on were left out: max-frames={limit} was reached"))
            }
            (None, 0) => None,
            (None, count) => Some(format!("{count} frames were left out, evenly, to keep to max-frames={limit}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_choose_the_key_frame_at_or_before_them() {
        let times = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0];
        let choose = |times: &[f64], step| choose(times, step, Some(11.0));
        assert_eq!(choose(&times, None), [0, 1, 2, 3, 4, 5]);
        assert_eq!(choose(&times, Some(5.0)), [0, 2, 5]);
        assert_eq!(choose(&times, Some(4.0)), [0, 2, 4]);
        assert_eq!(choose(&times, Some(0.5)), [0, 1, 2, 3, 4, 5]);
        assert_eq!(choose(&[0.08, 9.0], Some(100.0)), [0]);
        assert_eq!(choose(&[], Some(1.0)), [] as [usize; 0]);
        assert_eq!(choose(&[0.0, 5.0], Some(11.0 / 4.0)), [0, 1]);
    }

    #[test]
    fn too_many_are_thinned_out_evenly() {
        let mut chosen: Vec<usize> = (0..25).collect();
        thin_out(&mut chosen, 10);
        assert_eq!(chosen, [0, 2, 5, 7, 10, 12, 15, 17, 20, 22]);
    }

    #[test]
    fn a_budget_is_kept_over_the_whole_duration() {
        let taken = |count: u32, duration| {
            let mut budget = Budget::new(100, duration);
            let times: Vec<f64> = (0..count).map(f64::from).filter(|time| budget.takes(*time)).collect();
            (times.len(), times.last().copied(), budget.warning())
        };
        assert_eq!(taken(100, Some(100.0)), (100, Some(99.0), None));
        let (count, last, warning) = taken(1000, Some(1000.0));
        assert!((90..=100).contains(&count) && last > Some(950.0) && warning.unwrap().contains("evenly"), "{count}");
        let (count, last, warning) = taken(1000, None);
        assert!(count == 100 && last == Some(99.0) && warning.unwrap().contains("from 100.000 s on"));
    }
}
