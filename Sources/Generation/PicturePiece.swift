/// One piece of a PNG file on its way to the server.
public struct PicturePiece: Equatable, Sendable {
    public var data: [UInt8]
    /// Where in the file `data` begins.
    public var offset: Int
    /// Bytes of the whole file.
    public var total: Int
    /// Of the whole file, 32 bytes; not checked yet.
    public var sha256: [UInt8]

    public init(data: [UInt8], offset: Int, total: Int, sha256: [UInt8]) {
        self.data = data
        self.offset = offset
        self.total = total
        self.sha256 = sha256
    }
}

/// What the server has of a picture.
public struct PictureReceipt: Equatable, Sendable {
    /// How requests name it: the file's SHA-256 in lower-case hex.
    public var name: String
    /// Bytes that are there, from the file's start: the next piece's offset.
    public var received: Int
    /// Once the file is whole and sound.
    public var size: ImageSize?

    public var isComplete: Bool { size != nil }

    public init(name: String, received: Int, size: ImageSize?) {
        self.name = name
        self.received = received
        self.size = size
    }
}
