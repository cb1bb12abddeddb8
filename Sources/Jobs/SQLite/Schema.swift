/// The tables, and how an older file gets them. `user_version` counts the migrations that a file has had.
enum Schema {
    /// Applied in order, each once and in a transaction of its own. Only ever appended to.
    static let migrations = [
        """
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY,
            digest BLOB NOT NULL,
            request TEXT NOT NULL,      -- JSON, resolved
            plan TEXT NOT NULL,         -- JSON
            sum BLOB NOT NULL,          -- SHA-256 of the four above
            created_ms INTEGER NOT NULL,
            remaining_ms INTEGER,       -- until the deadline, when last written
            attempt INTEGER NOT NULL,
            crashes INTEGER NOT NULL DEFAULT 0,
            accepted_sequence INTEGER NOT NULL,
            state INTEGER NOT NULL,     -- JobState
            cancel INTEGER,             -- CancelOutcome, once asked for
            summary TEXT NOT NULL,      -- JSON
            error TEXT,                 -- JSON
            ended_ms INTEGER
        ) STRICT;
        CREATE INDEX jobs_by_age ON jobs (state, created_ms);
        CREATE TABLE checkpoints (
            job TEXT PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
            image INTEGER NOT NULL,
            step INTEGER NOT NULL,
            phase INTEGER NOT NULL,
            fingerprint TEXT NOT NULL,
            state BLOB NOT NULL,
            sum BLOB NOT NULL           -- SHA-256 of image, step, fingerprint and state
        ) STRICT;
        CREATE TABLE handoffs (
            job TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
            image INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            time_ms INTEGER NOT NULL,
            latents_sha256 BLOB NOT NULL,
            PRIMARY KEY (job, image)
        ) STRICT;
        CREATE TABLE images (
            job TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
            image INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            time_ms INTEGER NOT NULL,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            seed INTEGER NOT NULL,
            byte_count INTEGER NOT NULL,
            sha256 BLOB NOT NULL,       -- of png
            png BLOB NOT NULL,          -- last: the others are read without it
            PRIMARY KEY (job, image)
        ) STRICT;
        CREATE TABLE pictures (
            name TEXT PRIMARY KEY,      -- SHA-256 of file, in hex
            file BLOB NOT NULL
        ) STRICT;
        CREATE TABLE job_pictures (
            job TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
            picture TEXT NOT NULL REFERENCES pictures,
            PRIMARY KEY (job, picture)
        ) STRICT;
        CREATE INDEX job_pictures_by_picture ON job_pictures (picture);
        """,
        // A job's id is `JobID`'s text: what stands before its first slash is the tenant. Sums are of the
        // name alone where that is nobody's, so the sums of these stay right.
        """
        PRAGMA defer_foreign_keys = ON;
        UPDATE checkpoints SET job = '/' || job WHERE instr(job, '/');
        UPDATE handoffs SET job = '/' || job WHERE instr(job, '/');
        UPDATE images SET job = '/' || job WHERE instr(job, '/');
        UPDATE job_pictures SET job = '/' || job WHERE instr(job, '/');
        UPDATE jobs SET id = '/' || id WHERE instr(id, '/');
        """,
    ]

    /// - Throws: for a file that a newer version made.
    static func migrate(_ database: Database) throws(JobStoreError) {
        let statement = try database.statement("PRAGMA user_version")
        let version = try statement.step() ? Int(statement.integer(0)) : 0
        statement.reset()
        guard (0...migrations.count).contains(version) else {
            throw JobStoreError(
                .failed,
                "the store of jobs has version \(version), and this program knows versions up to "
                    + "\(migrations.count): use the program that made it, or another directory")
        }
        for (number, migration) in migrations.enumerated().dropFirst(version) {
            try database.transaction { () throws(JobStoreError) in
                try database.execute(migration)
                try database.execute("PRAGMA user_version = \(number + 1)")
            }
        }
    }
}
