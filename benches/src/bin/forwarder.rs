//! The bare forwarder that the server is measured against: each frame that comes in goes out to the receivers of its group,
//! whose addresses were made beforehand. One thread, one blocking recvmmsg, one sendmmsg; no sessions, no checks, no clock.
//! Batches and buffers are the server's.
//!
//! `forwarder PORT GROUPS RECEIVERS LOAD_PORT...`: the ports are those of the load's sockets, as `plan` deals them out.

use ragchew_benches::frames::FRAME_LEN;
use ragchew_benches::net::{BATCH, LONGEST, Socket, name};
use ragchew_benches::plan::{FIRST_TALKGROUP, Plan, address};
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4};

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [port, groups, receivers, ref ports @ ..] = numbers[..] else {
        eprintln!("forwarder PORT GROUPS RECEIVERS LOAD_PORT...");
        std::process::exit(2);
    };
    let plan = Plan { groups, receivers };
    let socket = Socket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port as u16)).expect("the port is taken");
    socket.buffers(4 << 20, false);
    let mut names: Vec<Vec<libc::sockaddr_in>> = (0..groups)
        .map(|group| {
            let place = |number| {
                let client = plan.receiver(group, number);
                name(SocketAddrV4::new(address(client), ports[plan.socket(client, ports.len())] as u16))
            };
            (0..receivers).map(place).collect()
        })
        .collect();
    println!("ready");
    forward(&socket, &mut names);
}

fn forward(socket: &Socket, names: &mut [Vec<libc::sockaddr_in>]) -> ! {
    let mut buffers = Box::new([[0_u8; LONGEST]; BATCH]);
    // SAFETY: all are integers and pointers, for which zero is valid.
    let (mut vectors, mut incoming, mut sent_from, mut outgoing): (
        [libc::iovec; BATCH],
        [libc::mmsghdr; BATCH],
        [libc::iovec; BATCH],
        [libc::mmsghdr; BATCH],
    ) = unsafe { zeroed() };
    for at in 0..BATCH {
        vectors[at] = libc::iovec { iov_base: buffers[at].as_mut_ptr().cast(), iov_len: LONGEST };
        incoming[at].msg_hdr.msg_iov = &raw mut vectors[at];
        incoming[at].msg_hdr.msg_iovlen = 1;
        outgoing[at].msg_hdr.msg_iov = &raw mut sent_from[at];
        outgoing[at].msg_hdr.msg_iovlen = 1;
        outgoing[at].msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as _;
    }
    loop {
        // SAFETY: every header points to live memory of the length that it says.
        let got = unsafe {
            libc::recvmmsg(
                socket.raw(),
                incoming.as_mut_ptr(),
                BATCH as _,
                libc::MSG_WAITFORONE as _,
                std::ptr::null_mut(),
            )
        };
        let mut waiting = 0;
        for at in 0..usize::try_from(got).unwrap_or(0) {
            let frame = &mut buffers[at];
            if incoming[at].msg_len as usize != FRAME_LEN || !frame.starts_with(b"DMRD") {
                continue;
            }
            let talkgroup = u32::from_be_bytes([0, frame[8], frame[9], frame[10]]);
            let Some(receivers) = names.get_mut(talkgroup.wrapping_sub(FIRST_TALKGROUP) as usize) else { continue };
            for receiver in receivers {
                sent_from[waiting] = libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: FRAME_LEN };
                outgoing[waiting].msg_hdr.msg_name = (&raw mut *receiver).cast();
                waiting += 1;
                if waiting == BATCH {
                    send(socket, &mut outgoing[..waiting]);
                    waiting = 0;
                }
            }
        }
        send(socket, &mut outgoing[..waiting]);
    }
}

fn send(socket: &Socket, mut messages: &mut [libc::mmsghdr]) {
    while !messages.is_empty() {
        // SAFETY: every header points to live memory of the length that it says; the kernel only reads it.
        let sent = unsafe { libc::sendmmsg(socket.raw(), messages.as_mut_ptr(), messages.len() as _, 0) };
        // A datagram that cannot be sent is lost, as on any network.
        messages = &mut messages[usize::try_from(sent).unwrap_or(0).max(1)..];
    }
}
