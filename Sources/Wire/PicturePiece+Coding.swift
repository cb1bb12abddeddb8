internal import CProtobufC
internal import CRefineryProto
internal import Generation

// Pictures on their way to the server, and what it says to each piece.

extension PicturePiece {
    init(decoding bytes: [UInt8]) throws(GenerationError) {
        self = try withUnpacked(
            bytes, refinery__v1__upload_image_request__init,
            refinery__v1__upload_image_request__unpack
        ) { message in
            // No file is as long as a number that does not fit: it will be refused for what it is.
            PicturePiece(
                data: [UInt8](message.data), offset: Int(clamping: message.offset),
                total: Int(clamping: message.total), sha256: [UInt8](message.sha256))
        }
    }
}

extension PictureReceipt {
    init(decoding bytes: [UInt8]) throws(GenerationError) {
        self = try withUnpacked(
            bytes, refinery__v1__uploaded_image__init, refinery__v1__uploaded_image__unpack
        ) { message throws(GenerationError) in
            PictureReceipt(
                name: try text(message.sha256, "sha256"), received: Int(clamping: message.received),
                size: message.complete == 0
                    ? nil : ImageSize(height: Int(message.height), width: Int(message.width)))
        }
    }
}

extension Arena {
    func message(
        _ piece: PicturePiece
    ) -> UnsafeMutablePointer<Refinery__V1__UploadImageRequest> {
        make(refinery__v1__upload_image_request__init) {
            $0.data = bytes(piece.data)
            $0.offset = UInt64(clamping: piece.offset)
            $0.total = UInt64(clamping: piece.total)
            $0.sha256 = bytes(piece.sha256)
        }
    }

    func message(
        _ receipt: PictureReceipt
    ) -> UnsafeMutablePointer<Refinery__V1__UploadedImage> {
        make(refinery__v1__uploaded_image__init) {
            $0.sha256 = bytes(receipt.name)
            $0.received = UInt64(clamping: receipt.received)
            $0.complete = receipt.isComplete ? 1 : 0
            $0.width = UInt32(clamping: receipt.size?.width ?? 0)
            $0.height = UInt32(clamping: receipt.size?.height ?? 0)
        }
    }
}
