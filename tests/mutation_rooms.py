"""What ``tests.mutate`` changes, room by room, and the tests that must notice."""

from __future__ import annotations

#: Files or folders of each room, and the tests that must notice a fault in them.
ROOMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "metrics": (
        ("metrics",),
        ("test_learn_verification.py", "test_metrics_by_hand.py", "test_figures_by_hand.py"),
    ),
    "calibration": (
        ("learn/identification",),
        (
            *("test_nearest_by_hand.py", "test_deciding_by_hand.py", "test_recordings_by_hand.py"),
            *("test_calibration_by_hand.py", "test_enrolment_by_hand.py"),
            "test_melody_fit_by_hand.py",
            *("test_identification_by_hand.py", "test_melody_by_hand.py"),
            *("test_figures_by_hand.py", "test_learn_robust.py"),
        ),
    ),
    "training": (
        ("learn/training/ensemble_training.py",),
        (
            *("test_ensemble_by_hand.py", "test_figures_by_hand.py"),
            *("test_identification_by_hand.py", "test_encoders.py"),
        ),
    ),
    "splits": (
        ("corpus/splits",),
        (
            *("test_splits_by_hand.py", "test_overlap_by_hand.py", "test_split_columns_by_hand.py"),
            *("test_splits.py", "properties/test_splits_properties.py"),
        ),
    ),
    "motifs": (
        ("motifs",),
        (
            *("test_motifs_by_hand.py", "test_families.py", "test_dictionary.py", "test_motifs.py"),
            *("test_motif_inputs_by_hand.py", "test_motif_search_by_hand.py"),
            *("test_motif_arguments.py", "test_usage.py", "test_similarity.py"),
            *("test_sequences_of_anything.py", "properties/test_motifs_properties.py"),
        ),
    ),
    "contour": (
        ("contour.py",),
        (
            *("test_contour_by_hand.py", "test_contour.py", "test_vibrato.py"),
            "properties/test_contour_properties.py",
        ),
    ),
    "clips": (("clips/spans.py", "clips/batches.py"), ("test_clips_by_hand.py", "test_clips.py")),
    "corpus": (
        (
            *("corpus/manifest.py", "corpus/manifest_files.py", "corpus/loaders.py"),
            "corpus/folders.py",
        ),
        (
            *("test_loaders_by_hand.py", "test_folders_by_hand.py", "test_splits_by_hand.py"),
            *("test_manifest.py", "test_loaders.py"),
            *("properties/test_manifest_properties.py", "test_folders.py"),
        ),
    ),
    "inference": (
        ("inference",),
        (
            *("test_prediction_files_by_hand.py", "test_embeddings_by_hand.py"),
            *("test_batch_by_hand.py", "test_recordings_by_hand.py"),
            *("test_prediction_files.py", "test_batch.py", "test_listening.py"),
        ),
    ),
    "audit": (
        ("corpus/audit", "corpus/identity.py"),
        (
            *("test_corpus_by_hand.py", "test_inspection_by_hand.py", "test_near_copies.py"),
            *("test_measurement_files_by_hand.py", "test_identity.py", "test_measuring_by_hand.py"),
            *("test_landmarks_by_hand.py", "test_audit_edges_by_hand.py", "test_audit_splits.py"),
            *("properties/test_anchors_properties.py", "properties/test_identity_properties.py"),
            "test_audit.py",
        ),
    ),
    "workspace": (
        ("workspace",),
        (
            *("test_workspace_by_hand.py", "test_workspace_door_by_hand.py"),
            *("test_rooms_by_hand.py", "test_journal_by_hand.py", "test_staging_by_hand.py"),
            *("test_summary_by_hand.py", "test_changes_by_hand.py", "test_clip_notes_by_hand.py"),
            *("test_shard_facts_by_hand.py", "test_confinement_by_hand.py"),
            *("test_records_by_hand.py", "test_workspace.py", "test_stage_versions.py"),
            *("test_rooms.py", "test_workspace_state.py"),
        ),
    ),
}
