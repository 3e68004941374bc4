//! The published vectors, and other people's implementations as oracles.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use candour_ledger::checkpoint::{self, Checkpoint};
use candour_ledger::proof::TlogProof;
use candour_ledger::{Signer, Vkey, tree};
use candour_record::Digest;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof};
use proptest::prelude::*;
use sha2::Sha256;
use signed_note::{Note, StandardVerifier, VerifierList};

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

// RFC 6962 test data of certificate-transparency-go, `merkletree/merkle_tree_test.go`.
#[test]
fn rfc_6962_roots() {
    let leaves = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let hashes: Vec<Digest> = leaves.iter().map(|l| tree::leaf_hash(&unhex(l))).collect();
    for (n, root) in [
        (
            0,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            1,
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        ),
        (
            2,
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        ),
        (
            3,
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        ),
        (
            5,
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        ),
        (
            8,
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ),
    ] {
        assert_eq!(tree::root(&hashes[..n]).hex(), root, "{n}");
    }
}

// The key of the signed-note specification's example (c2sp.org/signed-note).
#[test]
fn signed_note_key() {
    let text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    assert_eq!(text.parse::<Vkey>().unwrap().to_string(), text);
    for bad in [
        text.replace("530d", "530e"),
        text.replace("530d903a", "530D903A"),
        text.replace("foo", "f oo"),
        text.replace("U2k", "U2l"),
        format!("{text}="),
        String::new(),
        "+".into(),
        "a+b".into(),
    ] {
        assert!(bad.parse::<Vkey>().is_err(), "{bad}");
    }
}

fn node_of(leaves: &[Digest]) -> impl FnMut(u32, u64) -> Result<Digest, ()> {
    move |level, i| {
        Ok(tree::root(
            &leaves[(i << level) as usize..((i + 1) << level) as usize],
        ))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    // Verifies SRS-005.
    fn ct_merkle_agrees_on_roots_and_proofs(new in 1_usize..600, old in 1_usize..600, index in 0_usize..600, flip in 0_usize..32) {
        let (old, index) = (old.min(new), index % new);
        let entries: Vec<Vec<u8>> = (0..new).map(|i| format!("entry {i}").into_bytes()).collect();
        let leaves: Vec<Digest> = entries.iter().map(|e| tree::leaf_hash(e)).collect();
        let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let mut older = None;
        for (i, entry) in entries.iter().enumerate() {
            theirs.push(entry.clone());
            if i + 1 == old { older = Some(theirs.root()); }
        }
        let root = tree::root(&leaves);
        prop_assert_eq!(root.as_bytes().to_vec(), theirs.root().as_bytes().to_vec());

        let proof = tree::inclusion(index as u64, new as u64, &mut node_of(&leaves)).unwrap();
        let bytes: Vec<u8> = proof.iter().flat_map(|h| *h.as_bytes()).collect();
        let their_proof = theirs.prove_inclusion(index);
        prop_assert_eq!(their_proof.as_bytes(), bytes.as_slice());
        let proof_in = InclusionProof::<Sha256>::try_from_bytes(bytes).unwrap();
        prop_assert!(theirs.root().verify_inclusion(&entries[index], index as u64, &proof_in).is_ok());
        prop_assert_eq!(tree::verify_inclusion(&leaves[index], index as u64, new as u64, &proof, &root), Ok(()));

        let consistency = tree::consistency(old as u64, new as u64, &mut node_of(&leaves)).unwrap();
        let bytes: Vec<u8> = consistency.iter().flat_map(|h| *h.as_bytes()).collect();
        let their_older = older.unwrap();
        let proof_in = ConsistencyProof::<Sha256>::try_from_bytes(bytes).unwrap();
        prop_assert!(theirs.root().verify_consistency(&their_older, &proof_in).is_ok());
        let old_root = tree::root(&leaves[..old]);
        prop_assert_eq!(tree::verify_consistency(old as u64, &old_root, new as u64, &root, &consistency), Ok(()));

        // Whatever is altered is found.
        prop_assert!(tree::verify_inclusion(&leaves[index], new as u64, new as u64, &proof, &root).is_err());
        prop_assert!(tree::verify_inclusion(&leaves[index], 0, 0, &proof, &root).is_err());
        let mut longer = proof.clone();
        longer.push(root);
        prop_assert!(tree::verify_inclusion(&leaves[index], index as u64, new as u64, &longer, &root).is_err());
        for i in 0..proof.len() {
            let mut bad = proof.clone();
            let mut hash = *bad[i].as_bytes();
            hash[flip] ^= 0x40;
            bad[i] = Digest::from_bytes(hash);
            prop_assert!(tree::verify_inclusion(&leaves[index], index as u64, new as u64, &bad, &root).is_err());
            bad.remove(i);
            prop_assert!(tree::verify_inclusion(&leaves[index], index as u64, new as u64, &bad, &root).is_err());
        }
        for i in 0..consistency.len() {
            let mut bad = consistency.clone();
            let mut hash = *bad[i].as_bytes();
            hash[flip] ^= 0x40;
            bad[i] = Digest::from_bytes(hash);
            prop_assert!(tree::verify_consistency(old as u64, &old_root, new as u64, &root, &bad).is_err());
            bad.remove(i);
            prop_assert!(tree::verify_consistency(old as u64, &old_root, new as u64, &root, &bad).is_err());
        }
    }
}

#[test]
fn signed_note_agrees_on_checkpoints() {
    let signer = Signer::new("candour.local/abc", &[3; 32]).unwrap();
    let vkey = signer.vkey();
    let good = Checkpoint {
        origin: "candour.local/abc".into(),
        size: 70_000,
        root: Digest::of(b"x"),
    };
    let note = signer.sign(&good.body());
    let theirs = |note: &str| {
        let list = VerifierList::new(vec![Box::new(
            StandardVerifier::new(&vkey.to_string()).unwrap(),
        )]);
        Note::from_bytes(note.as_bytes()).is_ok_and(|n| n.verify(&list).is_ok())
    };
    assert!(theirs(&note));
    assert_eq!(Checkpoint::open(&note, &vkey).unwrap(), good);
    // A second signature, by a key nobody knows, changes nothing.
    let stranger = Signer::new("stranger", &[4; 32])
        .unwrap()
        .sign(&good.body());
    let both = format!("{note}{}", stranger.rsplit_once("\n\n").unwrap().1);
    assert!(theirs(&both));
    assert_eq!(Checkpoint::open(&both, &vkey).unwrap(), good);
    // Neither of the two accepts any flipped byte.
    for at in 0..note.len() {
        let mut bad = note.clone().into_bytes();
        bad[at] ^= 1;
        if let Ok(bad) = String::from_utf8(bad) {
            assert!(Checkpoint::open(&bad, &vkey).is_err(), "{at}");
            assert!(!theirs(&bad), "{at}");
        }
    }
    for bad in [
        "",
        "\n\n",
        "a\n\n",
        "a\n\n\u{2014} a b\n",
        "a\n\n\u{2014} candour.local/abc AAAA\n",
    ] {
        assert!(checkpoint::open(bad, &vkey).is_err());
    }
}

#[test]
fn checkpoints_have_one_spelling() {
    let good = Checkpoint {
        origin: "o".into(),
        size: 7,
        root: Digest::of(b"x"),
    }
    .body();
    assert!(Checkpoint::parse(&good).is_ok());
    for bad in [
        good.replace("\n7\n", "\n07\n"),
        good.replace("\n7\n", "\n+7\n"),
        good.replace("\n7\n", "\n-1\n"),
        good.replace("\n7\n", "\n99999999999999999999\n"),
        format!("{good}extension\n"),
        good.trim_end().to_owned(),
        good.replacen("o\n", "\n", 1),
        String::new(),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn what_is_accepted_as_a_proof_prints_to_the_same_bytes(text in "(c2sp.org/tlog-proof@v1\n)?(extra [A-Za-z0-9+/=]{0,8}\n)?(index [0-9]{0,3}\n)?[A-Za-z0-9+/=\n]{0,90}\n\n.{0,40}") {
        if let Ok(proof) = TlogProof::parse(&text) {
            prop_assert_eq!(proof.print(), text);
        }
    }
}
