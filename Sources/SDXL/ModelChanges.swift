public import Generation

/// What became of the models between two looks at their directory.
public struct ModelChanges: Equatable, Sendable {
    /// New, or not what they were.
    public var changed: [ModelDescription] = []
    /// The ids of those that are no longer there.
    public var gone: [String] = []

    public var isEmpty: Bool { changed.isEmpty && gone.isEmpty }
}

extension ModelChanges {
    init(from old: [ModelDescription], to new: [ModelDescription]) {
        changed = new.filter { !old.contains($0) }
        let ids = Set(new.map(\.id))
        gone = old.map(\.id).filter { !ids.contains($0) }
    }
}
