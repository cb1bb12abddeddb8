internal import CLibuv

/// The Swift object behind a libuv handle.
protocol HandleOwner: AnyObject {
    /// The loop is stopping: the handle is about to be closed by someone else than its owner.
    func loopIsStopping()
    /// The handle is closed; nothing comes from it any more.
    func handleDidClose()
}

/// One libuv handle's memory and life.
///
/// libuv may touch a handle until its close callback, so from ``open(owner:)`` until then the
/// handle's `data` retains this object, and this object retains its owner. The close callback lets
/// go of both, and the memory is freed when the owner, too, lets go.
final class Handle {
    let loop: EventLoop
    private let memory: UnsafeMutableRawPointer
    private var owner: (any HandleOwner)?
    private(set) var isClosing = false

    init(_ type: uv_handle_type, on loop: EventLoop) {
        loop.assertCurrent()
        self.loop = loop
        memory = .allocate(byteCount: uv_handle_size(type), alignment: 16)
    }

    deinit { memory.deallocate() }

    func pointer<Type>(_ type: Type.Type) -> UnsafeMutablePointer<Type> {
        memory.assumingMemoryBound(to: type)
    }

    /// After libuv's own init succeeded: from now on ``close()`` must be called.
    func open(owner: some HandleOwner) {
        self.owner = owner
        pointer(uv_handle_t.self).pointee.data = Unmanaged.passRetained(self).toOpaque()
        loop.add(self)
        // Nothing opened during the loop's last turn may keep it running.
        if loop.isStopping { close() }
    }

    /// Closes the handle; ``HandleOwner/handleDidClose()`` follows in a later turn of the loop.
    func close() {
        loop.assertCurrent()
        guard beginClosing() else { return }
        uv_close(pointer(uv_handle_t.self), Handle.didClose)
    }

    /// Closes a TCP handle with a reset instead of a farewell.
    func closeWithReset() {
        loop.assertCurrent()
        guard beginClosing() else { return }
        if uv_tcp_close_reset(pointer(uv_tcp_t.self), Handle.didClose) != 0 {
            uv_close(pointer(uv_handle_t.self), Handle.didClose)
        }
    }

    private func beginClosing() -> Bool {
        guard !isClosing else { return false }
        isClosing = true
        if loop.isStopping { owner?.loopIsStopping() }
        return true
    }

    private static let didClose: uv_close_cb = { handle in
        guard let handle else { return }
        let object = Unmanaged<Handle>.fromOpaque(handle.pointee.data).takeRetainedValue()
        object.loop.remove(object)
        let owner = object.owner
        object.owner = nil
        owner?.handleDidClose()
    }

    /// The owner, in a callback that got the handle from libuv.
    static func owner<Owner>(
        of handle: UnsafeMutableRawPointer?, as type: Owner.Type = Owner.self
    ) -> Owner? {
        guard let handle,
            let data = handle.assumingMemoryBound(to: uv_handle_t.self).pointee.data
        else { return nil }
        return Unmanaged<Handle>.fromOpaque(data).takeUnretainedValue().owner as? Owner
    }
}
