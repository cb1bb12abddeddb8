/// Why the models directory as a whole cannot be used. A single broken model is no such error: it is
/// listed with its problem.
public struct ModelCatalogError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
