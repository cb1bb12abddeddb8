/// What a picture's file keeps of how it was made, enough to make it again: the request with every
/// value resolved, the plan, what computed it, and digests.
public struct PictureRecord: Equatable, Sendable {
    public var request: GenerationRequest
    /// See ``GenerationPlan/fingerprint``.
    public var fingerprint: String

    /// Where a PNG keeps it.
    public static let keyword = "refinery"
    private static let format = 1

    /// The record of one image, as JSON.
    public static func json(
        _ job: GenerationJob, _ plan: GenerationPlan, _ image: DecodedImage
    ) -> JSONText {
        .object([
            "format": JSONText(format),
            "request": GenerationRequest(repeating: job, seed: image.seed).json,
            "plan": .object(plan.scheduleMembers),
            "fingerprint": JSONText(plan.fingerprint),
            "handoffLatentsSHA256": image.handoffLatentsSHA256.map { JSONText(hex($0)) },
            "latentsSHA256": JSONText(hex(image.latentsSHA256)),
            "pixelsSHA256": JSONText(hex(SHA256.digest(of: image.pixels))),
        ])
    }

    /// Reads what ``json(_:_:_:)`` wrote, as hostile as any request.
    ///
    /// - Throws: INVALID_ARGUMENT `invalidPictureRecord`, or what is wrong with the request in it.
    public init(_ text: [UInt8]) throws(GenerationError) {
        guard case .object(let members) = try JSONValue(text) else { throw Self.unreadable }
        var values: [String: JSONValue] = [:]
        for member in members { values[member.key] = member.value }
        guard values["format"] == .integer(Int64(Self.format)),
            case .object(let request) = values["request"],
            case .string(let fingerprint) = values["fingerprint"]
        else { throw Self.unreadable }
        self.request = try RequestReader.read(request)
        self.fingerprint = fingerprint
    }

    private static let unreadable = GenerationError(
        .invalidArgument, code: "invalidPictureRecord",
        "The picture says how it was made in a form that this version does not read: "
            + "use the version that made it, or give the values yourself.")

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
