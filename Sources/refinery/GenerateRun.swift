import Generation

/// Makes the pictures of some requests, one request after another: reports each event, writes each
/// picture.
struct GenerateRun {
    let source: any PictureSource
    var rendering: any Rendering
    var files: PictureFiles
    /// Takes the reports' text.
    let write: (String) -> Void

    /// - Throws: what a request fails with, after reporting it; the requests after it are not begun.
    mutating func make(_ requests: [GenerationRequest]) async throws {
        do {
            for request in requests { try await make(request) }
            // A cancelled stream ends without an error of its own.
            try Task.checkCancellation()
        } catch {
            write(rendering.end())
            if let error = error as? GenerationError { write(rendering.text(for: .failed(error))) }
            throw Task.isCancelled ? CancellationError() : error
        }
        write(rendering.end())
    }

    private mutating func make(_ request: GenerationRequest) async throws {
        for try await event in try await source.events(of: request) {
            if case .image(let image) = event.content {
                let path = try files.write(image.png)
                write(rendering.text(for: .saved(event, image, path: path)))
            } else {
                write(rendering.text(for: .event(event)))
            }
        }
    }
}
