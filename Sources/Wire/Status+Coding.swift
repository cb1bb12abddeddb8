internal import CProtobufC
internal import CRefineryProto
internal import Generation

// GenerationError and google.rpc.Status, whose detail is a refinery.v1.ErrorDetail.

private let errorDetailName = "refinery.v1.ErrorDetail"

extension Arena {
    func detail(_ error: GenerationError) -> UnsafeMutablePointer<Refinery__V1__ErrorDetail> {
        make(refinery__v1__error_detail__init) {
            $0.code = bytes(error.code)
            ($0.n_fields, $0.fields) = array(error.fields.map { bytes($0) })
            $0.retryable = error.retryable ? 1 : 0
            $0.retry_after_ms = UInt32(clamping: error.retryAfterMilliseconds ?? 0)
        }
    }

    func status(_ error: GenerationError) -> UnsafeMutablePointer<Google__Rpc__Status> {
        let detail = detail(error)
        let any = make(google__rpc__any__init) {
            $0.type_url = bytes("type.googleapis.com/" + errorDetailName)
            $0.value = bytes(PackableMessage(detail).packed())
        }
        return make(google__rpc__status__init) {
            $0.code = error.status.rawValue
            $0.message = bytes(error.message)
            ($0.n_details, $0.details) = array([any])
        }
    }
}

extension GenerationError {
    /// A status from a server, ours or another: a code outside gRPC's is UNKNOWN, and without our
    /// detail `code` is empty. Its words are for people, so broken UTF-8 is repaired.
    init(_ status: Google__Rpc__Status) throws(GenerationError) {
        self.init(
            StatusCode(rawValue: status.code) ?? .unknown, code: "",
            String(decoding: [UInt8](status.message), as: UTF8.self))
        for case let any? in elements(status.n_details, status.details)
        where String(decoding: [UInt8](any.pointee.type_url), as: UTF8.self)
            .hasSuffix("/" + errorDetailName)
        {
            try readDetail([UInt8](any.pointee.value))
        }
    }

    private mutating func readDetail(_ bytes: [UInt8]) throws(GenerationError) {
        (code, fields, retryable, retryAfterMilliseconds) = try withUnpacked(
            bytes, refinery__v1__error_detail__init, refinery__v1__error_detail__unpack
        ) { detail throws(GenerationError) in
            (
                try text(detail.code, "code"),
                elements(detail.n_fields, detail.fields).map {
                    String(decoding: [UInt8]($0), as: UTF8.self)
                },
                detail.retryable != 0,
                detail.retry_after_ms == 0 ? nil : Int(detail.retry_after_ms)
            )
        }
    }

    static func unpackingLimitReached(_ message: String) -> Self {
        Self(
            .resourceExhausted, code: "valueTooLarge",
            "\(message) would take more than \(Arena.unpackingByteLimit >> 20) MiB of memory once "
                + "unpacked. Send fewer fields.")
    }
}
