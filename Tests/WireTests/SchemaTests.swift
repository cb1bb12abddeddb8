import CProtobufC
import CRefineryProto
import Testing
import Wire

@Suite("The schema")
struct SchemaTests {
    typealias Message = UnsafePointer<ProtobufCMessageDescriptor>

    static var services: [ProtobufCServiceDescriptor] {
        [
            refinery__v1__image_generation__descriptor, refinery__v1__models__descriptor,
            refinery__v1__server__descriptor, grpc__health__v1__health__descriptor,
        ]
    }

    static func methods(
        _ service: ProtobufCServiceDescriptor
    ) -> UnsafeBufferPointer<ProtobufCMethodDescriptor> {
        UnsafeBufferPointer(start: service.methods, count: Int(service.n_methods))
    }

    static func fields(_ message: Message) -> UnsafeBufferPointer<ProtobufCFieldDescriptor> {
        UnsafeBufferPointer(start: message.pointee.fields, count: Int(message.pointee.n_fields))
    }

    static func messageType(_ field: ProtobufCFieldDescriptor) -> Message? {
        guard field.type == PROTOBUF_C_TYPE_MESSAGE else { return nil }
        return field.descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
    }

    /// The envelope, and what each method takes.
    static func parsedByTheServer() throws -> [Message] {
        var request = Ttrpc__Request()
        ttrpc__request__init(&request)
        return try [#require(request.base.descriptor)]
            + services.flatMap { methods($0).map(\.input) }
    }

    @Test func `the table of methods is what the .proto files say`() {
        let declared = Self.services.flatMap { service in
            Self.methods(service).map {
                "\(String(cString: service.name))/\(String(cString: $0.name))"
            }
        }
        #expect(Set(declared) == Set(Method.allCases.map(\.rawValue)))
    }

    @Test(arguments: Method.allCases)
    func `a method is found by service and name`(method: Method) {
        #expect(Method(service: method.service, name: method.name) == method)
        #expect(method.rawValue == "\(method.service)/\(method.name)")
    }

    @Test func `nothing that the server parses holds itself`() throws {
        func check(_ message: Message, inside: [Message]) {
            #expect(
                !inside.contains(message), "\(String(cString: message.pointee.name)) holds itself")
            guard !inside.contains(message) else { return }
            for field in Self.fields(message) {
                if let type = Self.messageType(field) { check(type, inside: inside + [message]) }
            }
        }
        for message in try Self.parsedByTheServer() { check(message, inside: []) }
    }

    /// protobuf-c merges a repeated singular message by copying its lists: quadratic.
    @Test func `no singular message field that the server parses holds a list`() throws {
        func check(_ message: Message) {
            for field in Self.fields(message) {
                guard let type = Self.messageType(field) else { continue }
                if field.label != PROTOBUF_C_LABEL_REPEATED {
                    #expect(
                        !Self.holdsList(type),
                        "\(String(cString: message.pointee.name)).\(String(cString: field.name))")
                }
                check(type)
            }
        }
        for message in try Self.parsedByTheServer() { check(message) }
    }

    @Test func `the check for lists finds one where there is one`() throws {
        var response = Ttrpc__Response()
        ttrpc__response__init(&response)
        let descriptor = try #require(response.base.descriptor)
        let status = try #require(Self.fields(descriptor).compactMap(Self.messageType).first)
        #expect(Self.holdsList(status))
    }

    static func holdsList(_ message: Message) -> Bool {
        fields(message).contains { field in
            field.label == PROTOBUF_C_LABEL_REPEATED || messageType(field).map(holdsList) == true
        }
    }
}
