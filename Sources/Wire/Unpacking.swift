internal import CProtobufC
internal import Generation

/// A generated `…__init` function.
typealias InitialiseFunction<Message> = (UnsafeMutablePointer<Message>?) -> Void

/// A generated `…__unpack` function.
typealias UnpackFunction<Message> = (
    UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?
) -> UnsafeMutablePointer<Message>?

/// Calls `body` with the message that `bytes` hold; what the C struct points to is gone when it
/// returns.
///
/// Throws INVALID_ARGUMENT, naming the field, when `bytes` are no such message, and
/// RESOURCE_EXHAUSTED when it would take more than ``Arena/unpackingByteLimit``.
func withUnpacked<Message, Result>(
    _ bytes: [UInt8], _ initialise: InitialiseFunction<Message>,
    _ unpack: UnpackFunction<Message>, _ body: (Message) throws(GenerationError) -> Result
) throws(GenerationError) -> Result {
    let arena = Arena(byteLimit: Arena.unpackingByteLimit)
    let descriptor = descriptor(initialise)
    let scanned: Swift.Result<Void, GenerationError> = bytes.withUnsafeBytes { bytes in
        Swift.Result { () throws(GenerationError) in try MessageScan.check(bytes, descriptor) }
    }
    try scanned.get()
    let message = bytes.withUnsafeBufferPointer { bytes in
        arena.withAllocator { unpack($0, bytes.count, bytes.baseAddress) }
    }
    guard let message else {
        let name = String(cString: descriptor.pointee.name)
        throw arena.isExhausted
            ? .unpackingLimitReached(name)
            : .malformed(name, "a list in it is broken, or a message is there twice")
    }
    defer { withExtendedLifetime(arena) {} }
    return try body(message.pointee)
}

/// A message type's descriptor. C's global comes to Swift as a value without a stable address; an
/// initialised message knows the address.
func descriptor<Message>(
    _ initialise: InitialiseFunction<Message>
) -> UnsafePointer<ProtobufCMessageDescriptor> {
    // On the stack: it is there also when memory has run out.
    withUnsafeTemporaryAllocation(of: Message.self, capacity: 1) { blank in
        initialise(blank.baseAddress)
        guard
            let address = UnsafeRawBufferPointer(blank).assumingMemoryBound(
                to: ProtobufCMessage.self)[0].descriptor
        else { preconditionFailure("an initialised message has a descriptor") }
        return address
    }
}

/// Text as Swift's. Refuses what is not UTF-8, and NUL, which C programs downstream would cut at.
func text(_ data: ProtobufCBinaryData, _ field: String) throws(GenerationError) -> String {
    let bytes = UnsafeBufferPointer(start: data.data, count: data.len)
    guard let text = String(validating: bytes, as: UTF8.self) else {
        throw .malformed(field: field, "it is not valid UTF-8")
    }
    guard !bytes.contains(0) else {
        throw .malformed(field: field, "it contains a NUL character")
    }
    return text
}

/// As ``text(_:_:)``, where an empty field means an absent one.
func nonEmptyText(
    _ data: ProtobufCBinaryData, _ field: String
) throws(GenerationError) -> String? {
    data.len == 0 ? nil : try text(data, field)
}

/// Each text of a list.
func texts(
    _ count: Int, _ start: UnsafeMutablePointer<ProtobufCBinaryData>?, _ field: String
) throws(GenerationError) -> [String] {
    var texts: [String] = []
    for data in elements(count, start) { texts.append(try text(data, field)) }
    return texts
}

/// The member of a one-member oneof: nil when its case is 0.
func member<Case: RawRepresentable<UInt32>, Value>(_ presence: Case, _ value: Value) -> Value? {
    presence.rawValue == 0 ? nil : value
}

extension [UInt8] {
    init(_ data: ProtobufCBinaryData) {
        self.init(UnsafeBufferPointer(start: data.data, count: data.len))
    }
}

/// The elements of a list that no sensible request fills: the exact limit is the job's to check, this
/// one keeps 64 KiB of empty elements from being made into so many of ours.
func fewElements<Element>(
    _ count: Int, _ start: UnsafeMutablePointer<Element>?, _ field: String
) throws(GenerationError) -> UnsafeBufferPointer<Element> {
    guard count <= 64 else {
        throw .malformed(field: field, "it has \(count) elements, and at most 64 are read")
    }
    return elements(count, start)
}

/// A repeated field's elements; protobuf-c has them as a count and a pointer.
func elements<Element>(
    _ count: Int, _ start: UnsafeMutablePointer<Element>?
) -> UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(start: start, count: count)
}
