"""The words of the trade that may leave a header's free text. What is not listed here stays behind."""

_TRADE = """
    2d 3d 4pt 6pt adc afi ap axial b0 b1 bilateral bipolar both calf calves cor coronal dam dess dir12 dir16 dir20 dir30 dir32 dir48
    dir60 dir64 dixon dti dual dualecho dwi echo ep2d epi fa fast fat fatsat femoral ffe fieldmap flair flash flex fmap foot forearm
    fse fsp ge gradient gre hand high ideal imag in inphase ir irse knee left leg legs localiser localizer loc lower lspine magnitude
    map mde me mecse mecho megre mese mfe mge mp2rage mpm mprage mpr mse msme mt mt0 mt1 mtc mtoff mton mtr mts mtsat multi multiecho
    muscle nerve nomt off on opposed out outphase pa pd pdff pdw pelvis peroneal ph phase plexus proximal qmt quant quick r2star rare
    real repeat rest rescan reversed right roi sag sagittal scout sciatic se semc shoulder siemens sir space spair spgr spine spiral
    spir ss stage star stir survey t1 t1map t1w t2 t2map t2star t2starw t2w te te1 te2 tfe tfl thigh thighs ti tibial tirm tr tra
    trace transverse trufi tse turbo upper ute vfa vibe vista water waterfat wfi whole zte
"""
_PLACES = """
    bilateral both calf calves femoral foot forearm hand knee left leg legs lower lspine muscle nerve pelvis peroneal plexus proximal
    right sciatic shoulder spine thigh thighs tibial upper whole
"""
_BODY_PARTS = """
    ABDOMEN ANKLE ARM BODY BRACHIALPLEXUS BRAIN BUTTOCK CALF CERVICAL CHEST CSPINE ELBOW EXTREMITY FEMUR FOOT FOREARM HAND HEAD HEART
    HIP KNEE LEG LEGS LIVER LOWERARM LOWEREXTREMITY LOWERLEG LOWERLIMB LSPINE LUMBARSPINE NECK PELVIS PHANTOM SHOULDER SKULL SPINE
    THIGH THIGHS THORAX TIBIA TONGUE TSPINE UPPERARM UPPEREXTREMITY UPPERLEG UPPERLIMB WHOLEBODY WRIST
"""

#: words that may be known of a protocol's or a series' name (``m0``, ``m6`` ...: months of a visit)
WORDS = frozenset(_TRADE.split()) | {f"m{n}" for n in (0, 3, 4, 6, 9, 12, 18, 24, 36)}
#: those of them that stand for a place or a side
PLACES = frozenset(_PLACES.split())
#: body parts that a header may name
BODY_PARTS = frozenset(_BODY_PARTS.split())
