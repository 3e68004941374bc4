//! Instances into studies, and a study's content.

use std::collections::BTreeMap;

use candour_record::Phi;
use dicom_dictionary_std::uids;

use crate::instance::{Deviation, Instance, PatientIdentity};

/// What makes a study unfit as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StudyProblem {
    /// Its instances name more than one patient.
    MixedPatients,
    /// Two different instances have one SOP Instance UID.
    ConflictingInstances,
}

impl StudyProblem {
    /// Its name in records.
    #[must_use]
    pub const fn criterion(self) -> &'static str {
        match self {
            Self::MixedPatients => "one_patient",
            Self::ConflictingInstances => "unique_instances",
        }
    }

    /// What was found.
    #[must_use]
    pub const fn found(self) -> &'static str {
        match self {
            Self::MixedPatients => "instances of more than one patient in one study",
            Self::ConflictingInstances => "two different instances with one SOP Instance UID",
        }
    }
}

/// The instances of one study.
#[derive(Clone, Debug)]
pub struct Study {
    /// The instances, in no particular order.
    pub instances: Vec<Instance>,
    /// What is wrong with the study as a whole.
    pub problems: Vec<StudyProblem>,
    /// Departures from the standard that were tolerated, and how often.
    pub deviations: BTreeMap<Deviation, u32>,
}

impl Study {
    /// Sorts instances into studies, in the order in which each study was first seen.
    #[must_use]
    pub fn assemble(instances: Vec<Instance>) -> Vec<Self> {
        let mut order = Vec::new();
        let mut by_uid: BTreeMap<String, Vec<Instance>> = BTreeMap::new();
        for instance in instances {
            let uid = instance.study_uid().expose().clone();
            if !by_uid.contains_key(&uid) {
                order.push(uid.clone());
            }
            by_uid.entry(uid).or_default().push(instance);
        }
        order
            .iter()
            .filter_map(|uid| by_uid.remove(uid))
            .map(Self::of)
            .collect()
    }

    fn of(arrived: Vec<Instance>) -> Self {
        let mut study = Self {
            instances: Vec::new(),
            problems: Vec::new(),
            deviations: BTreeMap::new(),
        };
        let mut seen = BTreeMap::new();
        for instance in arrived {
            for deviation in &instance.deviations {
                *study.deviations.entry(*deviation).or_default() += 1;
            }
            match seen.insert(instance.sop_instance().expose().clone(), instance.digest) {
                Some(before) if before == instance.digest => {
                    *study.deviations.entry(Deviation::Repeated).or_default() += 1;
                    continue;
                }
                Some(_) => study.add_problem(StudyProblem::ConflictingInstances),
                None => {}
            }
            let other = study.instances.first().is_some_and(|first| {
                let (a, b) = (first.patient(), instance.patient());
                a.key(&first.study_uid()) != b.key(&instance.study_uid())
            });
            if other {
                study.add_problem(StudyProblem::MixedPatients);
            }
            study.instances.push(instance);
        }
        study
    }

    fn add_problem(&mut self, problem: StudyProblem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The patient, from the first instance.
    #[must_use]
    pub fn patient(&self) -> Option<PatientIdentity> {
        self.instances.first().map(Instance::patient)
    }

    /// The Study Instance UID.
    #[must_use]
    pub fn uid(&self) -> Phi<String> {
        self.instances
            .first()
            .map_or_else(|| Phi::new(String::new()), Instance::study_uid)
    }

    /// The series with slices that could be a volume, largest first: CT and MR single-frame images.
    #[must_use]
    pub fn slice_series(&self) -> Vec<Vec<&Instance>> {
        let mut series: BTreeMap<String, Vec<&Instance>> = BTreeMap::new();
        for instance in &self.instances {
            if [uids::CT_IMAGE_STORAGE, uids::MR_IMAGE_STORAGE]
                .contains(&instance.sop_class().as_str())
            {
                series
                    .entry(instance.series_uid().expose().clone())
                    .or_default()
                    .push(instance);
            }
        }
        let mut series: Vec<_> = series.into_values().collect();
        series.sort_by_key(|slices| std::cmp::Reverse(slices.len()));
        series
    }

    /// Structured reports among the instances.
    pub fn reports(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter().filter(|i| i.modality() == "SR")
    }
}
