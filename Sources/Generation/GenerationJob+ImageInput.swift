extension GenerationJob {
    /// Finds a picture by the SHA-256 of its file, in lower-case hex; nil where there is none.
    public typealias PictureLookup = (_ sha256: String) -> Picture?
}

extension GenerationJob.ImageInput {
    /// - Returns: nil for a request without a picture.
    /// - Throws: NOT_FOUND for a picture that is not there; INVALID_ARGUMENT for fields that do not go
    ///   together, or a mask of another size.
    init?(
        _ request: GenerationRequest, pictures: GenerationJob.PictureLookup
    ) throws(GenerationError) {
        guard let seedName = request.seedImage.nonEmpty?.lowercased() else {
            let orphans = [
                request.maskImage.nonEmpty.map { _ in "maskImage" },
                request.strength.map { _ in "strength" },
            ].compactMap { $0 }
            guard orphans.isEmpty else {
                throw GenerationError(
                    .invalidArgument, code: "incompatibleParameters",
                    "\(orphans.joined(separator: " and ")) without seedImage has nothing to work on. "
                        + "Give seedImage too, or leave it out.",
                    fields: orphans + ["seedImage"])
            }
            return nil
        }
        seedImage = try Self.find(seedName, field: "seedImage", pictures)
        seedImageName = seedName
        if let name = request.maskImage.nonEmpty?.lowercased() {
            let mask = try Self.find(name, field: "maskImage", pictures)
            guard mask.size == seedImage.size else {
                throw GenerationError(
                    .invalidArgument, code: "incompatibleParameters",
                    "maskImage is \(Self.text(mask.size)) and seedImage \(Self.text(seedImage.size)): "
                        + "give both in the same size.",
                    fields: ["maskImage", "seedImage"])
            }
            maskImage = mask
            maskImageName = name
        }
        strength = request.strength ?? Parameter.Default.strength
    }

    /// The picture's size, unless another one was asked for.
    func checkedSize(_ request: GenerationRequest) throws(GenerationError) -> ImageSize {
        let asked = ImageSize(
            height: request.height ?? seedImage.size.height,
            width: request.width ?? seedImage.size.width)
        guard asked == seedImage.size else {
            throw GenerationError(
                .invalidArgument, code: "invalidSize",
                "seedImage is \(Self.text(seedImage.size)) and \(Self.text(asked)) is asked for, and "
                    + "pictures are not scaled here. Scale it before, or leave width and height out.",
                fields: ["seedImage"] + (request.width == nil ? [] : ["width"])
                    + (request.height == nil ? [] : ["height"]))
        }
        return asked
    }

    private static func find(
        _ name: String, field: String, _ pictures: GenerationJob.PictureLookup
    ) throws(GenerationError) -> Picture {
        guard let picture = pictures(name) else {
            throw GenerationError(
                .notFound, code: "imageNotFound",
                "\(field) names a picture that is not here: \(name). Upload it with UploadImage, then "
                    + "send the request again; pictures are kept in memory only, and give way to "
                    + "newer ones.",
                fields: [field])
        }
        return picture
    }

    private static func text(_ size: ImageSize) -> String { "\(size.width) x \(size.height)" }
}
