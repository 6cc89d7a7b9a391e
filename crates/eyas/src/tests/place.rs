//! Promises of [`crate::place`].

use crate::place::named;

#[test]
fn a_folder_has_one_name_until_the_machine_boots_again_and_a_copy_has_another() {
    let (one, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let name = |boot, folder: &tempfile::TempDir| named("i", "web1", boot, folder.path()).unwrap();
    assert_eq!(name("b1", &one), name("b1", &one));
    assert!(name("b1", &one).starts_with("i@web1/"), "{}", name("b1", &one));
    assert_ne!(name("b1", &one), name("b1", &copy));
    assert_ne!(name("b1", &one), name("b2", &one), "a restored machine has booted anew");
}
