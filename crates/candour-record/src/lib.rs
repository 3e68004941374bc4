//! What happened: the vocabulary of records and one canonical encoding of them.
