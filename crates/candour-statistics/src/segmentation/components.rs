//! Connected components by union-find over runs of voxels along x, in linear time.

#![allow(
    clippy::indexing_slicing,
    reason = "rows and runs are indexed by the places where they were stored; parents are always runs"
)]

use super::mask::{Bits, Mask, filled};
use super::surface::Connectivity;
use crate::number::StatisticsError;

/// The connected components of a mask, numbered from 0 by their first voxel (x fastest).
#[derive(Clone, Debug, PartialEq)]
pub struct Components {
    size: [usize; 3],
    /// Runs by row, and in each row from left to right.
    runs: Vec<Run>,
    /// For each row the place of its first run, and behind the last row the number of runs.
    rows: Vec<usize>,
    sizes: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) y: usize,
    pub(super) z: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) component: usize,
}

impl Components {
    /// Finds the components.
    ///
    /// # Errors
    /// When the memory is not to be had.
    pub fn new(mask: &Mask, connectivity: Connectivity) -> Result<Self, StatisticsError> {
        Self::of(mask.bits(), connectivity)
    }

    pub(super) fn of(bits: &Bits, connectivity: Connectivity) -> Result<Self, StatisticsError> {
        let [nx, ny, nz] = bits.size;
        let mut runs = Vec::new();
        let mut rows = Vec::with_capacity(ny * nz + 1);
        for z in 0..nz {
            for y in 0..ny {
                rows.push(runs.len());
                each_run(bits.row(y, z), nx, |start, end| {
                    let component = runs.len();
                    runs.push(Run {
                        y,
                        z,
                        start,
                        end,
                        component,
                    });
                });
            }
        }
        rows.push(runs.len());
        // Each run starts as its own component; the parent of a run never stands behind it.
        let mut parents: Vec<usize> = (0..runs.len()).collect();
        for z in 0..nz {
            for y in 0..ny {
                for (dy, dz) in [(1, 0), (1, 1), (0, 1), (-1, 1)] {
                    let differ = isize::unsigned_abs(dy) + dz;
                    let Some(other_y) = y.checked_add_signed(dy) else {
                        continue;
                    };
                    if differ > connectivity.axes() || other_y >= ny || z + dz >= nz {
                        continue;
                    }
                    let reach = usize::from(differ < connectivity.axes());
                    let (here, there) = (z * ny + y, (z + dz) * ny + other_y);
                    join_rows(
                        &runs,
                        rows[here]..rows[here + 1],
                        rows[there]..rows[there + 1],
                        reach,
                        &mut parents,
                    );
                }
            }
        }
        let mut sizes: Vec<u64> = Vec::new();
        let mut numbers = vec![0usize; runs.len()];
        for (at, run) in runs.iter_mut().enumerate() {
            let root = find(&mut parents, at);
            if root == at {
                numbers[at] = sizes.len();
                sizes.push(0);
            }
            run.component = numbers[root];
            sizes[run.component] += (run.end - run.start) as u64;
        }
        Ok(Self {
            size: bits.size,
            runs,
            rows,
            sizes,
        })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// The number of voxels of each.
    #[must_use]
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// For each voxel, x fastest, 0 outside and the component's number plus 1 inside.
    ///
    /// # Errors
    /// When the memory is not to be had.
    pub fn labels(&self) -> Result<Vec<u32>, StatisticsError> {
        let [nx, ny, _] = self.size;
        let mut labels = filled(0u32, &self.size)?;
        for run in &self.runs {
            let row = (run.z * ny + run.y) * nx;
            labels[row + run.start..row + run.end].fill(run.component as u32 + 1);
        }
        Ok(labels)
    }

    /// The runs of each component.
    pub(super) fn grouped(&self) -> Vec<Vec<Run>> {
        let mut groups = vec![Vec::new(); self.sizes.len()];
        for run in &self.runs {
            groups[run.component].push(*run);
        }
        groups
    }

    /// Pairs of components of two masks of one size that have voxels in common, with their number,
    /// ordered by the other's component and then by the own.
    pub(super) fn common(&self, other: &Self) -> Vec<Common> {
        let mut pairs: Vec<Common> = Vec::new();
        for (mine, theirs) in self.rows.windows(2).zip(other.rows.windows(2)) {
            let mine = &self.runs[mine[0]..mine[1]];
            let theirs = &other.runs[theirs[0]..theirs[1]];
            let (mut i, mut j) = (0, 0);
            while let (Some(a), Some(b)) = (mine.get(i), theirs.get(j)) {
                let (start, end) = (a.start.max(b.start), a.end.min(b.end));
                if start < end {
                    pairs.push(Common {
                        own: a.component,
                        other: b.component,
                        voxels: (end - start) as u64,
                    });
                }
                if a.end <= b.end { i += 1 } else { j += 1 }
            }
        }
        pairs.sort_unstable_by_key(|p| (p.other, p.own));
        pairs.dedup_by(|next, kept| {
            let same = (next.own, next.other) == (kept.own, kept.other);
            if same {
                kept.voxels += next.voxels;
            }
            same
        });
        pairs
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Common {
    pub(super) own: usize,
    pub(super) other: usize,
    pub(super) voxels: u64,
}

fn each_run(row: &[u64], nx: usize, mut run: impl FnMut(usize, usize)) {
    let mut x = 0;
    while let Some(start) = next_place(row, x, nx, false) {
        let end = next_place(row, start, nx, true).unwrap_or(nx);
        run(start, end);
        x = end;
    }
}

/// The first place from `x` whose bit is set, or not set where `clear`.
fn next_place(row: &[u64], x: usize, nx: usize, clear: bool) -> Option<usize> {
    let flip = if clear { u64::MAX } else { 0 };
    let mut word = x / 64;
    let mut left = (row.get(word)? ^ flip) & (u64::MAX << (x % 64));
    while left == 0 {
        word += 1;
        left = row.get(word)? ^ flip;
    }
    let place = word * 64 + left.trailing_zeros() as usize;
    (place < nx).then_some(place)
}

fn join_rows(
    runs: &[Run],
    here: std::ops::Range<usize>,
    there: std::ops::Range<usize>,
    reach: usize,
    parents: &mut [usize],
) {
    let (mut i, mut j) = (here.start, there.start);
    while i < here.end && j < there.end {
        let (a, b) = (runs[i], runs[j]);
        if a.start < b.end + reach && b.start < a.end + reach {
            unite(parents, i, j);
        }
        // Runs of a row leave a gap, so the one that ends first touches none further on.
        if a.end < b.end { i += 1 } else { j += 1 }
    }
}

fn find(parents: &mut [usize], mut at: usize) -> usize {
    while parents[at] != at {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}

fn unite(parents: &mut [usize], a: usize, b: usize) {
    let (a, b) = (find(parents, a), find(parents, b));
    parents[a.max(b)] = a.min(b);
}
