# Breaks every rule of images once, on a base that keeps them all.
FROM base
USER root
# A layer's cache, secret and log stay in it, though a later one removes them.
COPY key.pem /opt/codeopen/key.pem
RUN printf 'lists' >/var/lib/apt/lists/some_Packages \
 && mkdir -p /root/.npm/_cacache && printf 'x' >/root/.npm/_cacache/index
RUN rm -r /opt/codeopen/key.pem /var/lib/apt/lists/some_Packages /root/.npm
RUN printf 'machine example.org login me password wordpass\n' >/root/.netrc \
 && useradd --system --uid 777 stranger && groupadd --gid 778 strangers && groupmod --gid 779 redis \
 && cp /usr/bin/true /usr/local/bin/becomes-root && chmod 4755 /usr/local/bin/becomes-root \
 && ln /usr/local/bin/becomes-root /usr/local/bin/second-name \
 && cp /usr/bin/true /usr/local/bin/with-capabilities \
 && python3 -c 'import os; os.setxattr("/usr/local/bin/with-capabilities", "security.capability", \
      bytes.fromhex("0100000280000000000000000000000000000000"))' \
 && mknod /opt/disk b 8 0 \
 && mkdir -p /etc/sudoers.d /etc/cron.d && echo 'developer ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/agent \
 && ln -s /home/developer/cron /etc/cron.d/linked \
 && install -g developer -m 664 /dev/null /etc/cron.d/job \
 && echo 'toor:x:0:0::/root:/bin/sh' >>/etc/passwd && echo 'toor::20000:0:99999:7:::' >>/etc/shadow \
 && echo 'developer:100000:65536' >/etc/subuid && usermod -aG disk developer \
 && chmod 777 /usr/local/lib && install -o developer -m 644 /dev/null /etc/of-the-user \
 && touch /home/developer/hidden && chmod 700 /home/developer/workspace \
 && mkdir -p /opt/module && printf 'x = 1\n' >/opt/module/stale.py && python3 -m compileall -q /opt/module \
 && ln -sf /usr/share/zoneinfo/Asia/Tokyo /etc/localtime && printf 'Asia/Tokyo\n' >/etc/timezone \
 && cp /usr/share/zoneinfo/UTC /usr/share/zoneinfo/Asia/Kolkata \
 && rm /etc/codeopen/health.d/base \
 && printf '[program:hasty]\ncommand=sleep infinity\nautorestart=true\n' >/etc/supervisor/conf.d/hasty.conf \
 && printf 'Package: half\nStatus: install reinstreq half-installed\nVersion: 1\n' >>/var/lib/dpkg/status \
 && printf 'Architecture: all\nMaintainer: x\nDescription: x\n\n' >>/var/lib/dpkg/status
COPY ld.so.preload /etc/
ENV OPENCODE_PORT=4999 SERVICE_TOKEN=abcdef TZ=Asia/Tokyo
EXPOSE 9999
LABEL org.opencontainers.image.title=another org.opencontainers.image.version=24.04 \
      dev.codeopen.substitute.bun=nothing
HEALTHCHECK NONE
ENTRYPOINT ["/usr/bin/env"]
USER root
