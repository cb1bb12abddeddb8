public import Generation

extension SDXLGenerator {
    /// Reads the first usable model file whose SHA-256 is not known, which for 7 GB takes half a minute;
    /// from then on requests may name the model by it. Models in folders, and those that are built in,
    /// have none.
    ///
    /// - Parameter goesOn: asked again and again, with the model's id and the share of it that has been
    ///   read.
    /// - Returns: the model with its hash; nil when there is nothing to read, or it did not go on.
    public func hashNext(
        while goesOn: (_ id: String, _ share: Double) -> Bool
    ) -> ModelDescription? {
        for (id, file) in unhashedFiles {
            guard let sha256 = FileHashes.digest(of: file, goesOn: { goesOn(id, $0) }) else {
                continue
            }
            return keep(sha256, of: file, id: id)
        }
        return nil
    }
}
