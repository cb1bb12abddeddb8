#pragma once

/// A layer below SQLite, where its files are written, that has the n-th operation on the files of one
/// directory go wrong. Files elsewhere are left alone. One fault at a time for the whole process.

typedef enum __attribute__((enum_extensibility(closed))) {
    /// Nothing is written, and the write fails.
    RefineryFaultWriteFails,
    /// Half is written, and then there is no room.
    RefineryFaultDiskFull,
    /// What was written may not be on the disk.
    RefineryFaultSyncFails,
    /// A file cannot be cut to its length.
    RefineryFaultTruncateFails,
    /// Half is written, and nobody says so.
    RefineryFaultTornWrite,
    /// One bit is written wrong, and nobody says so.
    RefineryFaultFlippedBit,
} RefineryFault;

/// Every database opened from now on is watched.
void refinery_faults_install(void);

/// The `number`th operation of the fault's kind, counted from 1 and from now, goes wrong; with `lasts` all
/// after it as well.
void refinery_faults_arm(const char *directory, RefineryFault fault, long number, int lasts);

/// Nothing goes wrong any more.
/// @return whether something has.
int refinery_faults_disarm(void);

/// SQLite's memory, in the whole process from its start. The `number`th allocation that the calling thread has
/// SQLite make, counted from 1 and from now, fails; with `lasts` all after it as well.
void refinery_memory_arm(long number, int lasts);

/// Nothing fails any more.
/// @return whether something has.
int refinery_memory_disarm(void);

/// Bytes that the calling thread has had SQLite take, less those given back.
long refinery_memory_live(void);
