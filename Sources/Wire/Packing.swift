internal import CProtobufC

/// A C message ready to be packed, valid within the closure that gets it.
struct PackableMessage {
    private let base: UnsafePointer<ProtobufCMessage>

    /// `message`: a generated struct; each begins with its `ProtobufCMessage`.
    init<Message>(_ message: UnsafeMutablePointer<Message>) {
        base = UnsafeRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self)
    }

    func packed() -> [UInt8] {
        let byteCount = protobuf_c_message_get_packed_size(base)
        return [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initializedCount in
            initializedCount = protobuf_c_message_pack(base, buffer.baseAddress)
        }
    }

    /// The message as the payload of a frame; nil when it does not fit one.
    func frame(stream: StreamID, type: FrameType, flags: FrameFlags) -> [UInt8]? {
        let byteCount = protobuf_c_message_get_packed_size(base)
        guard byteCount <= FrameHeader.payloadByteCountMaximum else { return nil }
        return Frame.encoded(
            stream: stream, type: type, flags: flags, payloadByteCount: byteCount
        ) { payload in
            protobuf_c_message_pack(base, payload.bindMemory(to: UInt8.self).baseAddress)
        }
    }
}

// Building C structs to pack. The arena owns them and all they point to.
extension Arena {
    /// A message, initialised and then filled in.
    func make<Message>(
        _ initialise: InitialiseFunction<Message>, _ fill: (inout Message) -> Void
    ) -> UnsafeMutablePointer<Message> {
        let message = array(of: Message.self, count: 1)
        initialise(message)
        fill(&message.pointee)
        return message
    }

    func bytes(_ text: String) -> ProtobufCBinaryData {
        bytes(Array(text.utf8))
    }

    func bytes(_ bytes: [UInt8]) -> ProtobufCBinaryData {
        let (count, start) = array(bytes)
        return ProtobufCBinaryData(len: count, data: start)
    }

    /// A repeated field, as protobuf-c has it.
    func array<Element>(
        _ elements: [Element]
    ) -> (count: Int, start: UnsafeMutablePointer<Element>) {
        let start = array(of: Element.self, count: elements.count)
        start.initialize(from: elements, count: elements.count)
        return (elements.count, start)
    }

    private func array<Element>(
        of type: Element.Type, count: Int
    ) -> UnsafeMutablePointer<Element> {
        guard let memory = allocate(MemoryLayout<Element>.stride * count) else {
            preconditionFailure("no memory for a message of our own")
        }
        return memory.bindMemory(to: Element.self, capacity: count)
    }
}
