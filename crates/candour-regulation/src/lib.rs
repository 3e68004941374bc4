//! The law as data: the device file with its diagnostics, and the requirements of the acts. No
//! clause's content stands in code; each act is one dated file under `acts/`.

mod device_file;
mod diagnostic;
mod requirement;

pub use device_file::{
    Class, Classification, DeviceFile, EndpointPlan, Identification, IntendedPurpose, Oversight,
    ValidationPlan,
};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use requirement::{Act, ActFile, Evidence, Requirement};
