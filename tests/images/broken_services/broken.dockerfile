# Breaks every rule of services once, on a base that keeps them all.
FROM base
USER root
COPY open.py never_reaps.py /opt/broken/
COPY broken.conf /etc/supervisor/conf.d/
RUN printf 'nobody\t4998\t/\t200\t-\tnothing\n' >/etc/codeopen/health.d/broken
USER developer
ENTRYPOINT ["/usr/bin/python3", "/opt/broken/never_reaps.py", "/usr/local/lib/codeopen/entrypoint.sh"]
CMD ["/usr/local/lib/codeopen/start-services.sh"]
